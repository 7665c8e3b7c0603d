"""All rows of the attack table."""

from __future__ import annotations

from tests.attacks.row import Row, TokenRow
from tests.attacks.rows_algorithms import ALGORITHMS, EMBEDDED_KEYS
from tests.attacks.rows_claims import AUDIENCES, CLAIM_TYPES, ISSUERS
from tests.attacks.rows_encoding import DUPLICATES, ENCODING, SIZE
from tests.attacks.rows_encrypted import ENCRYPTED
from tests.attacks.rows_headers import CRIT, KID, TYP
from tests.attacks.rows_issuers import DISCOVERY, KEY_SETS
from tests.attacks.rows_paths import PATHS
from tests.attacks.rows_requests import REQUESTS

TOKENS: tuple[TokenRow, ...] = (
    *ALGORITHMS,
    *EMBEDDED_KEYS,
    *KID,
    *CRIT,
    *TYP,
    *AUDIENCES,
    *ISSUERS,
    *CLAIM_TYPES,
    *DUPLICATES,
    *ENCODING,
    *SIZE,
)

TABLE: tuple[Row, ...] = (*TOKENS, *REQUESTS, *PATHS, *ENCRYPTED, *KEY_SETS, *DISCOVERY)
