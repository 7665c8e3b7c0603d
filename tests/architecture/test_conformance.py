"""Implementations conform to their ports: mypy reads the assignments, the tests read the names."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mcpauthkit.access.audit.sinks import Continued, JsonFile, JsonLines, Sink, ToCallable, ToLogging, ToOpenTelemetry
from mcpauthkit.access.audit.trail import AuditTrail
from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.client_credentials import ClientCredentialsGrant
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.connections.grant import Grant, Identifying, RedirectGrant, Revocable, UserlessGrant
from mcpauthkit.connections.token_exchange import OnBehalfOfGrant, TokenExchangeGrant
from mcpauthkit.connections.userless import Selective
from mcpauthkit.core.audit import LogRecorder, Recorder
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.fetch import Fetch, HttpFetch
from mcpauthkit.guards import (
    AllOf,
    AnyOf,
    GuardLike,
    HasAllRoles,
    HasAllScopes,
    HasRole,
    HasScope,
    Not,
    RequireAuth,
    RequireClientId,
)
from mcpauthkit.identity.api_key import ApiKeyVerifier
from mcpauthkit.identity.custom import CustomVerifier
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import TokenVerifier
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.identity.static_key import StaticKeyVerifier
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from mcpauthkit.identity.unsigned_encrypted import UnsignedEncryptedVerifier
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.protocol.client_documents import SafeClientDocuments
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.keyvalue import KeyValueStore
from mcpauthkit.stores.memory import MemoryStore
from mcpauthkit.stores.port import Closable, Conditional, Listable, Store, Watchable
from mcpauthkit.stores.redis.store import RedisStore
from mcpauthkit.testing import FakeClock
from mcpauthkit.web.proxy.documents import ClientDocuments

# A class stands for its instances here: were a method missing or different, mypy would refuse the line.
stores: list[type[Store]] = [KeyValueStore, MemoryStore, RedisStore]
watchables: list[type[Watchable]] = [KeyValueStore, MemoryStore, RedisStore]
conditionals: list[type[Conditional]] = [KeyValueStore, MemoryStore, RedisStore]
listables: list[type[Listable]] = [MemoryStore, RedisStore]
closables: list[type[Closable]] = [RedisStore, Storage]
grants: list[type[Grant]] = [AuthorizationCodeGrant, FormGrant]
redirect_grants: list[type[RedirectGrant]] = [AuthorizationCodeGrant]
revocables: list[type[Revocable]] = [AuthorizationCodeGrant]
identifying: list[type[Identifying]] = [AuthorizationCodeGrant]
userless: list[type[UserlessGrant]] = [ClientCredentialsGrant, OnBehalfOfGrant, TokenExchangeGrant]
selective: list[type[Selective]] = [ClientCredentialsGrant, OnBehalfOfGrant, TokenExchangeGrant]
fetches: list[type[Fetch]] = [HttpFetch]
verifiers: list[type[TokenVerifier]] = [
    ApiKeyVerifier,
    CustomVerifier,
    IntrospectionVerifier,
    JwtVerifier,
    SharedSecretVerifier,
    StaticKeyVerifier,
    TrustedHeaderVerifier,
    UnsignedEncryptedVerifier,
]
guards: list[type[GuardLike]] = [
    AllOf,
    AnyOf,
    HasAllRoles,
    HasAllScopes,
    HasRole,
    HasScope,
    Not,
    RequireAuth,
    RequireClientId,
]
documents: list[type[ClientDocuments]] = [SafeClientDocuments]
clocks: list[type[Clock]] = [SystemClock, FakeClock]
entropies: list[type[Entropy]] = [SystemEntropy]
recorders: list[type[Recorder]] = [AuditTrail, LogRecorder]
sinks: list[type[Sink]] = [JsonFile, JsonLines, ToCallable, ToLogging, ToOpenTelemetry]
continued: list[type[Continued]] = [JsonFile]

PAIRS = [
    *((Store, one) for one in stores),
    *((Watchable, one) for one in watchables),
    *((Conditional, one) for one in conditionals),
    *((Listable, one) for one in listables),
    *((Closable, one) for one in closables),
    *((Grant, one) for one in grants),
    *((RedirectGrant, one) for one in redirect_grants),
    *((Revocable, one) for one in revocables),
    *((Identifying, one) for one in identifying),
    *((UserlessGrant, one) for one in userless),
    *((Fetch, one) for one in fetches),
    *((TokenVerifier, one) for one in verifiers),
    *((GuardLike, one) for one in guards),
    *((ClientDocuments, one) for one in documents),
    *((Clock, one) for one in clocks),
    *((Entropy, one) for one in entropies),
    *((Recorder, one) for one in recorders),
    *((Sink, one) for one in sinks),
    *((Continued, one) for one in continued),
]


@pytest.mark.parametrize(("port", "implementation"), PAIRS)
def test_an_implementation_has_the_parameters_of_its_port(port: type[Any], implementation: type[Any]) -> None:
    for name, method in inspect.getmembers(port, inspect.isfunction):
        if name.startswith("_") and name != "__call__":
            continue
        wanted = inspect.signature(method).parameters
        offered = inspect.signature(getattr(implementation, name)).parameters
        assert list(wanted) == list(offered)[: len(wanted)]
        assert {key: one.kind for key, one in wanted.items()} == {key: offered[key].kind for key in wanted}
