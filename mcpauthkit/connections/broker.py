"""The one flow of leg 2: look up, use, renew, or lead the user to connect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from mcpauthkit.connections.chronicle import Chronicle
from mcpauthkit.connections.connection import Disconnected
from mcpauthkit.connections.credential import Credential, Step, next_step
from mcpauthkit.connections.grant import Grant, RedirectGrant, UserlessGrant
from mcpauthkit.connections.ledger import Ledger, Visit
from mcpauthkit.connections.locks import Locks
from mcpauthkit.connections.notes import Notes
from mcpauthkit.connections.outlasting import OUTLAST_SECONDS
from mcpauthkit.connections.overview import Overview
from mcpauthkit.connections.renewal import Renewal
from mcpauthkit.connections.settlement import Obtained, Settlement
from mcpauthkit.connections.userless import Userless
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConnectionChanged, RemoteError, TooManyConnections
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.principal import Principal
from mcpauthkit.stores.sealed import SealedStore

_MAX_CONNECTIONS = 20


class Broker:
    """Obtains credentials of one service.

    Args:
        grant: How the service gives them.
        store: Where they and the flows in flight are kept.
        namespace: Separates applications that share one store.
        redirect_uri: Where the service sends browsers back to.
        scope_rules: How the service's scopes relate; without, each permits itself only.
        is_incremental: Whether a new consent adds to the scopes before, so that only missing ones are asked for.
        without_user: Ways to a credential that ask nobody, tried before the user is asked.
        flow_ttl_seconds: How long a link works.
        clock: Time.
        entropy: Source of the ids of flows and connections.
        outlast_seconds: Seconds that an outage of the store may last without anything being lost that the service gave.
    """

    def __init__(
        self,
        grant: Grant,
        store: SealedStore,
        *,
        namespace: str,
        redirect_uri: str,
        scope_rules: ScopeRules | None = None,
        is_incremental: bool = False,
        without_user: Sequence[UserlessGrant] = (),
        flow_ttl_seconds: float = 600.0,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        outlast_seconds: float = OUTLAST_SECONDS,
    ) -> None:
        self.grant = grant
        self.clock = clock or SystemClock()
        self._entropy = entropy or SystemEntropy()
        self.scope_rules = scope_rules or ScopeRules()
        self.ledger = Ledger(
            store, namespace=namespace, flow_ttl_seconds=flow_ttl_seconds, clock=self.clock, entropy=self._entropy
        )
        self._vault = Vault(store, namespace=namespace, clock=self.clock)
        self._notes = Notes(store, namespace=namespace, service=grant.service, clock=self.clock)
        self.redirect_uri = redirect_uri
        self._is_incremental = is_incremental
        self._locks = Locks(store, namespace=namespace, service=grant.service)
        self._chronicle = Chronicle(grant.service, self.clock)
        self.overview = Overview(
            grant, self._vault, self._notes, chronicle=self._chronicle, locks=self._locks, clock=self.clock
        )
        self._renewal = Renewal(
            grant,
            self._vault,
            self._notes,
            self.overview,
            chronicle=self._chronicle,
            locks=self._locks,
            clock=self.clock,
            outlast_seconds=outlast_seconds,
        )
        self._settlement = Settlement(
            grant,
            self.ledger,
            self._vault,
            self._notes,
            self.overview,
            chronicle=self._chronicle,
            locks=self._locks,
            scope_rules=self.scope_rules,
            is_incremental=is_incremental,
            clock=self.clock,
            entropy=self._entropy,
            outlast_seconds=outlast_seconds,
        )
        self._userless = self._make_userless(without_user, store, namespace)

    async def lookup(
        self, principal: Principal, scopes: Sequence[str], *, account: str = "", caller_token: Secret | None = None
    ) -> Credential | None:
        """A credential that can be used now, renewed or exchanged if need be; None when the user has to be asked.

        Args:
            principal: Whose.
            scopes: What it has to permit.
            account: The name of their connection; empty for the default.
            caller_token: The verified token of the call, for grants that exchange it.

        Raises:
            RemoteError: The service cannot answer, and without it nothing can be done.
            AuditUnavailable: It must not be used without a record.
        """
        credential = await self._vault.get(principal, self.grant.service, account)
        step = self._step(credential, scopes)
        with self._naming_the_service():
            if step is Step.RENEW:
                assert credential is not None
                credential = await self._renewal.renew(principal, credential, is_rejected=False)
                step = self._step(credential, scopes)
            if credential is None or step is Step.ASK:
                # Who names one of their accounts does not mean what their sign-in or this server may do.
                if account:
                    return None
                found = await self._userless.find(principal, scopes, caller_token=caller_token)
                if found is not None:
                    self._chronicle.used(principal, found)
                return found
        self._chronicle.used(principal, credential)
        await self._notes.used(principal, credential)
        return credential

    async def missing(self, principal: Principal, scopes: Sequence[str], *, account: str = "") -> tuple[str, ...]:
        """The scopes among these that a connection lacks, whatever state its credential is in."""
        held = await self._vault.get(principal, self.grant.service, account)
        return self.scope_rules.missing(scopes, held.scopes if held else ())

    async def open_flow(
        self,
        principal: Principal,
        scopes: Sequence[str],
        *,
        purpose: str,
        account: str = "",
        exactly: bool = False,
        rejected: Credential | None = None,
    ) -> Flow:
        """The flow in force for a connection, or a new one that asks for what is missing.

        What was granted before is kept. When nothing is missing, the user is asked for all of it once more.

        Args:
            principal: Whose.
            scopes: What is needed.
            purpose: For which tool, as people know it.
            account: The name of the connection; empty for the default.
            exactly: Ask for these scopes and no others, whatever pending flows ask for: the user has chosen them.
            rejected: The credential that a running call could not use, if there is one.

        Raises:
            TooManyConnections: It would be a new one, and the user has as many as are kept.
            ConnectionChanged: Another credential that would do stands where the rejected one did.
        """
        held = await self._vault.get(principal, self.grant.service, account)
        if held is None and account:
            await self._check_room(principal)
        granted = held.scopes if held else frozenset[str]()
        asked = self.scope_rules.missing(scopes, granted) or tuple(scopes)
        async with self._locks.exclusive(principal):
            if rejected is not None:
                await self._check_not_replaced(principal, rejected, scopes, account)
            return await self.ledger.open(
                principal,
                self.grant.service,
                asked,
                purpose=purpose,
                account=account,
                granted=sorted(granted - set(asked)),
                exactly=exactly,
                held_as=held.account.label if held else "",
            )

    async def take_question(self, principal: Principal, flow: Flow, *, seconds: float) -> Flow | None:
        """The right to ask: the flow, marked as asked for the next seconds, or None when there is nothing to ask.

        Somebody may be asking already, or the flow may have come to its outcome; the caller waits for that then.
        """
        async with self._locks.exclusive(principal):
            current = await self.ledger.get(flow.flow_id)
            if current is None or not current.is_pending or current.asked_until > self.clock.wall():
                return None
            return await self.ledger.mark_asked(current, seconds=seconds)

    async def renew(
        self,
        principal: Principal,
        *,
        rejected: Credential | None = None,
        caller_token: Secret | None = None,
    ) -> Credential | None:
        """Renew a credential; one request however many calls need it.

        Args:
            principal: Whose credential.
            rejected: The credential the service has just refused; renewed even if it looks fresh, unless another
                call has replaced it already.
            caller_token: The verified token of the call, for credentials that came of an exchange.

        Returns:
            The credential to use, or None when the user has to be asked.

        Raises:
            RemoteError: The service cannot answer and the old credential is of no use; it is kept.
            ConnectionChanged: Another account has taken the place of the one that the call began with.
        """
        known = rejected or await self._vault.get(principal, self.grant.service)
        if known is None:
            return None
        with self._naming_the_service():
            if known.origin != "user":
                return await self._userless.renew(principal, rejected=known, caller_token=caller_token)
            renewed = await self._renewal.renew(principal, known, is_rejected=rejected is not None)
        if renewed is None and rejected is not None:
            await self._check_unchanged(principal, rejected)
        return renewed

    async def forget(self, principal: Principal, *, rejected: Credential | None = None, account: str = "") -> None:
        """Delete a credential here; the next call asks the user.

        Args:
            principal: Whose credential.
            rejected: The one the service has refused; another one that has taken its place since stays.
            account: The name of the connection, when nothing was refused.
        """
        if rejected is not None and rejected.origin != "user":
            await self._userless.forget(principal, rejected=rejected)
            return
        async with self._locks.exclusive(principal):
            held = (
                await self._vault.get(principal, self.grant.service, account)
                if rejected is None
                else await self._vault.find(principal, self.grant.service, rejected)
            )
            if held is not None and (rejected is None or held.is_same(rejected)):
                with self._chronicle.ending(principal, held, reason="of no use to the service"):
                    await self._vault.delete(principal, self.grant.service, held.name)
                await self._notes.lost(principal, held)

    async def start_visit(self, flow: Flow, *, browser: str) -> str:
        """Begin a visit to the service; the URL to send the browser to.

        Raises:
            RemoteError: Where that is cannot be found out now.
        """
        assert isinstance(self.grant, RedirectGrant)
        # Looked up now: more may have been granted since the link was made, and services forget what is not asked.
        held = await self._vault.get(Principal.bare(flow.issuer, flow.subject), self.grant.service, flow.account)
        kept = () if held is None else self.scope_rules.missing(sorted(held.scopes), flow.scopes)
        scopes = (*flow.scopes, *kept)
        attempt = await self.grant.begin(
            flow.scopes if self._is_incremental else scopes, redirect_uri=self.redirect_uri
        )
        # What counts for a service that does not say what it has granted.
        await self.ledger.start_visit(attempt.state, Visit(flow.flow_id, browser, attempt.private, scopes))
        return attempt.url

    async def finish_visit(self, principal: Principal, flow: Flow, visit: Visit, query: Mapping[str, str]) -> Flow:
        """Exchange what the browser brought back, keep the credential, and give the flow its outcome.

        Raises:
            RemoteUnavailable: The service cannot answer now; the flow stays open for another visit.
        """
        assert isinstance(self.grant, RedirectGrant)
        obtain = partial(self.grant.complete, query, visit.private, visit.scopes, redirect_uri=self.redirect_uri)
        return await self.settle(principal, flow, obtain)

    async def settle(self, principal: Principal, flow: Flow, obtain: Obtained) -> Flow:
        """Bring a flow to its outcome; arguments, answer and errors are those of `Settlement.settle`."""
        return await self._settlement.settle(principal, flow, obtain)

    async def end_all(self, principal: Principal) -> list[Disconnected]:
        """End whatever a principal has connected, or is about to: links that were given out lead nowhere any more.

        Credentials that came of an exchange live as long as the token they were exchanged for.

        Args:
            principal: Whose.

        Returns:
            What was ended, and whether the service agreed.
        """
        await self.ledger.end_open(principal, self.grant.service)
        return await self.overview.disconnect(principal, reason="ended by an administrator")

    async def aclose(self) -> None:
        """Close what the grants opened."""
        await self.grant.aclose()
        await self._userless.aclose()

    async def _check_room(self, principal: Principal) -> None:
        if len(await self._vault.all(principal, self.grant.service)) >= _MAX_CONNECTIONS:
            raise TooManyConnections(self.grant.display_name)

    async def _check_unchanged(self, principal: Principal, rejected: Credential) -> None:
        now_held = await self._vault.get(principal, self.grant.service, rejected.name)
        if now_held is not None and not now_held.is_of(rejected):
            raise ConnectionChanged(self.grant.display_name)

    async def _check_not_replaced(
        self, principal: Principal, rejected: Credential, scopes: Sequence[str], account: str
    ) -> None:
        # Its user has just answered the question of another call, and is not to get one that nobody needs.
        now_held = await self._vault.get(principal, self.grant.service, account)
        if now_held is not None and not now_held.is_same(rejected) and self._step(now_held, scopes) is not Step.ASK:
            raise ConnectionChanged(self.grant.display_name)

    def _make_userless(self, ways: Sequence[UserlessGrant], store: SealedStore, namespace: str) -> Userless:
        return Userless(
            ways,
            store,
            namespace=namespace,
            service=self.grant.service,
            chronicle=self._chronicle,
            scope_rules=self.scope_rules,
            clock=self.clock,
            entropy=self._entropy,
        )

    def _step(self, credential: Credential | None, scopes: Sequence[str]) -> Step:
        return next_step(credential, scopes=scopes, now=self.clock.wall(), rules=self.scope_rules)

    @contextmanager
    def _naming_the_service(self) -> Iterator[None]:
        try:
            yield
        except RemoteError as error:
            raise error.naming(self.grant.display_name) from error
