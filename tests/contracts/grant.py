"""What every grant has to do. A grant's tests inherit this and give the factory."""

from __future__ import annotations

import abc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcpauthkit.connections.grant import Identifying, Revocable
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved, RemoteUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.connections.credential import Account, Credential
    from mcpauthkit.connections.grant import Attempt, RedirectGrant

REDIRECT = "http://127.0.0.1:9/connect/forge/callback"


class GrantContract(abc.ABC):
    """The contract of `RedirectGrant`: begin a visit, complete it, renew what came of it.

    A grant that is `Revocable` and `Identifying` too shows that with the same suite.
    """

    account: Account
    """Whose account `consented` connects, as the grant finds it out."""

    scopes: tuple[str, ...] = ("repo",)

    @abc.abstractmethod
    def make(self) -> RedirectGrant:
        """The grant under test."""

    @abc.abstractmethod
    async def consented(self, attempt: Attempt) -> Mapping[str, str]:
        """What the browser brings back when the user agrees."""

    @abc.abstractmethod
    async def denied(self, attempt: Attempt) -> Mapping[str, str]:
        """What it brings back when the user says no."""

    @abc.abstractmethod
    def be_down(self) -> None:
        """Let the service answer 500 from now on."""

    @abc.abstractmethod
    def talk_nonsense(self) -> None:
        """Let the service answer with something that is no answer."""

    @abc.abstractmethod
    def withdraw(self) -> None:
        """Let the service withdraw everything it gave."""

    @abc.abstractmethod
    def is_good(self, credential: Credential) -> bool:
        """Whether the service takes the credential."""

    async def connected(self, grant: RedirectGrant) -> Credential:
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        query = await self.consented(attempt)
        return await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)

    async def test_every_attempt_has_a_state_of_its_own_that_nobody_guesses(self) -> None:
        grant = self.make()
        attempts = [await grant.begin(self.scopes, redirect_uri=REDIRECT) for _ in range(20)]
        assert len({one.state for one in attempts}) == 20
        assert all(len(one.state) >= 43 for one in attempts)

    async def test_an_attempt_shows_nothing_when_printed(self) -> None:
        attempt = await self.make().begin(self.scopes, redirect_uri=REDIRECT)
        shown = repr(attempt)
        for secret in (attempt.url, attempt.state, *map(str, attempt.private.values())):
            assert secret not in shown

    async def test_what_the_grant_keeps_private_is_not_in_the_address(self) -> None:
        attempt = await self.make().begin(self.scopes, redirect_uri=REDIRECT)
        for secret in attempt.private.values():
            assert str(secret) not in attempt.url

    async def test_consent_gives_a_credential_that_the_service_takes(self) -> None:
        credential = await self.connected(self.make())
        assert self.is_good(credential)
        assert credential.scopes.issuperset(self.scopes)

    async def test_a_no_is_refused_as_access_denied(self) -> None:
        grant = self.make()
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        query = await self.denied(attempt)
        with pytest.raises(GrantRefused) as refused:
            await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)
        assert refused.value.error == "access_denied"

    async def test_what_was_brought_back_is_good_once(self) -> None:
        grant = self.make()
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        query = await self.consented(attempt)
        await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)
        with pytest.raises(GrantRefused):
            await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)

    async def test_what_one_attempt_brought_back_is_no_good_for_another(self) -> None:
        grant = self.make()
        mine, theirs = [await grant.begin(self.scopes, redirect_uri=REDIRECT) for _ in range(2)]
        query = await self.consented(theirs)
        with pytest.raises(GrantRefused):
            await grant.complete(query, mine.private, self.scopes, redirect_uri=REDIRECT)

    async def test_an_outage_while_completing_is_told_apart_from_a_refusal(self) -> None:
        grant = self.make()
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        query = await self.consented(attempt)
        self.be_down()
        with pytest.raises(RemoteUnavailable):
            await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)

    async def test_nonsense_while_completing_is_no_credential(self) -> None:
        grant = self.make()
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        query = await self.consented(attempt)
        self.talk_nonsense()
        with pytest.raises(RemoteMisbehaved):
            await grant.complete(query, attempt.private, self.scopes, redirect_uri=REDIRECT)

    async def test_nothing_brought_back_is_no_credential(self) -> None:
        grant = self.make()
        attempt = await grant.begin(self.scopes, redirect_uri=REDIRECT)
        with pytest.raises(RemoteMisbehaved):
            await grant.complete({}, attempt.private, self.scopes, redirect_uri=REDIRECT)

    async def test_a_renewal_gives_another_credential_with_the_same_scopes(self) -> None:
        grant = self.make()
        old = await self.connected(grant)
        renewed = await grant.renew(old)
        assert renewed.access_token != old.access_token
        assert renewed.scopes == old.scopes
        assert renewed.refresh_token
        assert self.is_good(renewed)
        assert self.is_good(await grant.renew(renewed))

    async def test_a_renewal_of_a_withdrawn_grant_is_refused(self) -> None:
        grant = self.make()
        old = await self.connected(grant)
        self.withdraw()
        with pytest.raises(GrantRefused):
            await grant.renew(old)

    async def test_a_renewal_with_a_made_up_token_is_refused(self) -> None:
        grant = self.make()
        old = await self.connected(grant)
        with pytest.raises(GrantRefused):
            await grant.renew(replace(old, refresh_token=Secret("made-up")))

    async def test_an_outage_while_renewing_is_told_apart_from_a_refusal(self) -> None:
        grant = self.make()
        old = await self.connected(grant)
        self.be_down()
        with pytest.raises(RemoteUnavailable):
            await grant.renew(old)

    async def test_nonsense_while_renewing_is_no_credential(self) -> None:
        grant = self.make()
        old = await self.connected(grant)
        self.talk_nonsense()
        with pytest.raises(RemoteMisbehaved):
            await grant.renew(old)

    async def test_what_is_revoked_is_no_good_any_more_and_nothing_renews_it(self) -> None:
        grant = self.make()
        assert isinstance(grant, Revocable)
        credential = await self.connected(grant)
        assert await grant.revoke(credential)
        assert not self.is_good(credential)
        with pytest.raises(GrantRefused) as refused:
            await grant.renew(credential)
        assert refused.value.is_gone

    async def test_a_revocation_that_meets_an_outage_is_not_confirmed(self) -> None:
        grant = self.make()
        assert isinstance(grant, Revocable)
        credential = await self.connected(grant)
        self.be_down()
        with pytest.raises(RemoteUnavailable):
            await grant.revoke(credential)

    async def test_the_service_says_whose_account_it_is(self) -> None:
        grant = self.make()
        assert isinstance(grant, Identifying)
        assert await grant.identify(await self.connected(grant)) == self.account

    @pytest.mark.parametrize("trouble", ["be_down", "talk_nonsense", "withdraw"])
    async def test_whatever_goes_wrong_only_the_name_of_the_account_is_lost(
        self, trouble: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        grant = self.make()
        assert isinstance(grant, Identifying)
        credential = await self.connected(grant)
        getattr(self, trouble)()
        caplog.clear()
        assert await grant.identify(credential) is None
        lines = [one.getMessage() for one in caplog.records if one.name.startswith("mcpauthkit")]
        assert len(lines) == 1
        assert credential.access_token.reveal() not in lines[0]

    async def test_a_closed_grant_can_be_closed_again(self) -> None:
        grant = self.make()
        await grant.aclose()
        await grant.aclose()
