"""All rows of the attack table."""

from __future__ import annotations

from tests.attacks.row import Row, TokenRow
from tests.attacks.rows_algorithms import ALGORITHMS, EMBEDDED_KEYS

TOKENS: tuple[TokenRow, ...] = (*ALGORITHMS, *EMBEDDED_KEYS)

TABLE: tuple[Row, ...] = TOKENS
