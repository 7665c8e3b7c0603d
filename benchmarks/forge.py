"""The service that the benchmarks of stores connect with: it grants at once, so that only our own work is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mcpauthkit import Account, KeyRing, Principal, Store
from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Attempt
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.secret import Secret
from mcpauthkit.stores.sealed import SealedStore

SERVICE = "forge"
SCOPES = ("read:user", "repo")
ISSUER = "https://issuer.example/realms/people"
KEY_RING = KeyRing({"2026": "a-secret-of-a-benchmark-which-protects-nothing"}, minting="2026")
NAMESPACE = "mcpauthkit"
_HOUR_SECONDS = 3600.0
# As long as those of the large providers: an opaque access token, a longer refresh token.
_ACCESS_LENGTH, _REFRESH_LENGTH = 180, 220


class Forge:
    """A grant whose service is asked nothing."""

    service = SERVICE
    display_name = "Forge"

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        """Where the browser would go."""
        return Attempt(f"https://forge.example/authorize?scope={'+'.join(scopes)}&to={redirect_uri}", "state", {})

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        """A credential, whatever the browser brought back."""
        del query, private, scopes, redirect_uri
        return a_credential()

    async def renew(self, credential: Credential) -> Credential:
        """Another one."""
        return credential

    async def aclose(self) -> None:
        """Nothing is open."""


def a_principal(number: int) -> Principal:
    """One user of many."""
    return Principal({}, issuer=ISSUER, subject=f"3f9c1c1e-8f7a-4d5b-9a34-{number:012d}", expires_at=None)


def a_credential(number: int = 0) -> Credential:
    """What an OAuth service gives: tokens, scopes, an account."""
    now = time.time()
    return Credential.of_token(
        Secret(f"at_{number:08d}".ljust(_ACCESS_LENGTH, "x")),
        scopes=frozenset(SCOPES),
        refresh_token=Secret(f"rt_{number:08d}".ljust(_REFRESH_LENGTH, "y")),
        expires_at=now + _HOUR_SECONDS,
        obtained_at=now,
        connected_at=now,
        account=Account(id=str(1_000_000 + number), label=f"octo-{number}"),
        connection_id="c3VjaC1hLXJhbmRvbS1pZC1vZi0zMi1ieXRlcy1sZW5ndGg",
    )


def a_broker(store: Store) -> Broker:
    """All of leg 2 below the tools, over a store."""
    return Broker(
        Forge(),
        SealedStore(store, KEY_RING),
        namespace=NAMESPACE,
        redirect_uri=f"https://mcp.example.com/connect/{SERVICE}/callback",
    )


def a_vault(store: Store) -> Vault:
    """Where that keeps credentials."""
    return Vault(SealedStore(store, KEY_RING), namespace=NAMESPACE)


async def open_flow(broker: Broker, number: int) -> Flow:
    """The flow of a call of one user."""
    return await broker.ledger.open(a_principal(number), SERVICE, SCOPES, purpose="list_repos")


async def await_credential(broker: Broker, number: int, flow: Flow, *, timeout_seconds: float) -> int | None:
    """What a held call does: wait for the outcome, then look the credential up.

    Returns:
        When it had the credential in hand, by the monotonic clock in nanoseconds; None when it got none.
    """
    outcome = await broker.ledger.wait(flow, timeout_seconds=timeout_seconds)
    if outcome is None or outcome.is_pending:
        return None
    credential = await broker.lookup(a_principal(number), SCOPES)
    return None if credential is None else time.monotonic_ns()


async def finish(broker: Broker, vault: Vault, number: int, flow: Flow) -> int:
    """The last step of a callback: the credential is kept, the flow gets its outcome.

    Returns:
        When the outcome was about to be given, by the monotonic clock in nanoseconds, which all processes share.
    """
    await vault.put(a_principal(number), SERVICE, a_credential(number))
    began_ns = time.monotonic_ns()
    await broker.ledger.finish(flow, FlowStatus.CONNECTED)
    return began_ns


async def settle(broker: Broker, number: int, flow: Flow) -> int:
    """All that a callback does once the service has answered.

    Returns:
        When the service's answer was in hand, by the monotonic clock in nanoseconds, which all processes share.
    """
    answered_ns = 0

    async def answer() -> Credential:
        nonlocal answered_ns
        credential = a_credential(number)
        answered_ns = time.monotonic_ns()
        return credential

    await broker.settle(a_principal(number), flow, answer)
    return answered_ns
