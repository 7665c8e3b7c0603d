"""One good credential of every kind, for telling them apart."""

from __future__ import annotations

from mcpauthkit.identity.port import Presented
from tests.identity.bench import claims_of, key_for, sign

SECRET = "Zk7wQ1vR9tLm3xYp5sHd8nBc2gJf6aUe0oKiTrWqXzV4yEhM"
API_KEY = "kX2mP9vL4qR7tW1zB6nY3sD8"
OPAQUE = "opaque-token-of-alice-1234567890"

HEADERS = {b"x-api-key": API_KEY.encode(), b"x-user-id": b"alice"}
SIGNED = Presented(sign(claims_of()))
SIGNED_ES256 = Presented(sign(claims_of(), algorithm="ES256", key=key_for("ES256")))
ENCRYPTED = Presented("eyJhbGciOiJSU0EtT0FFUC0yNTYifQ.a.b.c.d")
UNREADABLE = Presented(OPAQUE)
WITH_KEY = Presented(headers=((b"x-api-key", API_KEY.encode()),))
FROM_PROXY = Presented(headers=((b"x-user-id", b"alice"),), peer="10.1.2.3")
