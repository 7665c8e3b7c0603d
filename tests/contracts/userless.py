"""What every way to a credential has to do that asks nobody. A way's tests inherit this and give the factory."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import pytest

from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable

if TYPE_CHECKING:
    from mcpauthkit import Secret
    from mcpauthkit.connections.credential import Credential
    from mcpauthkit.connections.grant import UserlessGrant

ABOUT_THE_CALLER = (
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_grant",
    "invalid_scope",
    "login_required",
    "unauthorized_client",
)
ABOUT_THIS_SERVER = ("invalid_client", "unsupported_grant_type", "something_new")


class UserlessContract(abc.ABC):
    """The contract of `UserlessGrant`: a credential without the user, and what each refusal means."""

    scopes: tuple[str, ...] = ("repo",)

    @abc.abstractmethod
    def make(self) -> UserlessGrant:
        """The way under test."""

    @abc.abstractmethod
    def caller_token(self) -> Secret | None:
        """A token as a caller presents it."""

    @abc.abstractmethod
    def is_good(self, credential: Credential) -> bool:
        """Whether the service takes the credential."""

    @abc.abstractmethod
    def answer(self, status: int, body: str) -> None:
        """Let the authorization server answer this from now on."""

    @property
    @abc.abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen: the client's secret, for instance."""

    async def obtained(self) -> Credential:
        return await self.make().obtain(self.scopes, caller_token=self.caller_token())

    async def refused(self, kind: type[RemoteError]) -> RemoteError:
        with pytest.raises(kind) as caught:
            await self.obtained()
        return caught.value

    async def test_a_credential_comes_without_anybody_being_asked(self) -> None:
        credential = await self.obtained()
        assert self.is_good(credential)
        assert credential.scopes.issuperset(self.scopes)
        assert credential.expires_at is not None

    async def test_it_can_be_obtained_again_and_again(self) -> None:
        first, second = await self.obtained(), await self.obtained()
        assert not first.is_same(second)
        assert self.is_good(second)

    @pytest.mark.parametrize("error", ABOUT_THE_CALLER)
    async def test_a_refusal_of_the_caller_leads_to_the_next_way(self, error: str) -> None:
        self.answer(400, f'{{"error": "{error}"}}')
        refused = await self.refused(GrantRefused)
        assert isinstance(refused, GrantRefused)
        assert refused.error == error

    @pytest.mark.parametrize("error", ABOUT_THIS_SERVER)
    async def test_a_refusal_of_this_server_is_no_reason_to_ask_the_user(self, error: str) -> None:
        self.answer(401, f'{{"error": "{error}"}}')
        refused = await self.refused(RemoteMisbehaved)
        assert error in refused.hint

    @pytest.mark.parametrize(
        ("status", "body"), [(500, ""), (503, "down"), (429, ""), (400, '{"error": "temporarily_unavailable"}')]
    )
    async def test_an_outage_is_told_apart_from_a_refusal(self, status: int, body: str) -> None:
        self.answer(status, body)
        await self.refused(RemoteUnavailable)

    @pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"access_token": ""}'])
    async def test_nonsense_is_no_credential(self, body: str) -> None:
        self.answer(200, body)
        await self.refused(RemoteMisbehaved)

    async def test_no_refusal_shows_a_secret(self) -> None:
        token = self.caller_token()
        for status, body in ((400, '{"error": "invalid_grant"}'), (401, '{"error": "invalid_client"}'), (200, "{}")):
            self.answer(status, body)
            error = await self.refused(RemoteError)
            shown = f"{error} {error!r} {error.reason} {error.hint} {error.for_log()}"
            for secret in (*self.secrets, *(() if token is None else (token.reveal(),))):
                assert secret not in shown

    async def test_neither_the_way_nor_its_credential_shows_a_secret_when_printed(self) -> None:
        way = self.make()
        credential = await way.obtain(self.scopes, caller_token=self.caller_token())
        shown = f"{way!r} {credential!r}"
        for secret in (*self.secrets, credential.access_token.reveal()):
            assert secret not in shown

    async def test_a_closed_way_can_be_closed_again(self) -> None:
        way = self.make()
        await way.aclose()
        await way.aclose()
