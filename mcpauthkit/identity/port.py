"""The verifier port: what a request presents, who judges it, and how long the verdict holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from mcpauthkit.core.headers import RawHeaders
from mcpauthkit.principal import Principal

DEFAULT_REMEMBER_SECONDS = 300.0


def _always() -> bool:
    return True


class Presented(NamedTuple):
    """What a request brings along to prove who sends it.

    Args:
        bearer: The one bearer token of its Authorization header, or None.
        headers: Its header fields as ASGI has them: names in lower case, values as bytes.
        peer: The address of whoever opened the connection, or None where the server does not say.
    """

    bearer: str | None = None
    headers: RawHeaders = ()
    peer: str | None = None

    def __repr__(self) -> str:
        # Credentials do not belong in a log that prints what a request brought along.
        return f"Presented(peer={self.peer!r})"


class Verified(NamedTuple):
    """A good verdict.

    Args:
        principal: Who it is.
        audiences: The audiences its `aud` may name; None for the URL of the resource that is called.
        made_for_us: Whether the credential was made for this server alone and so names no audience, as an API key is.
        remember_seconds: How long the verdict may be relied on without judging again; 0 forbids to remember it.
        is_current: Whether it may still be relied on; turns False when, for instance, the issuer's keys change.
        audience_setting: What to change at the issuer when the audience is another one, for the refusal's text.
    """

    principal: Principal
    audiences: frozenset[str] | None = None
    made_for_us: bool = False
    remember_seconds: float = DEFAULT_REMEMBER_SECONDS
    is_current: Callable[[], bool] = _always
    audience_setting: str = ""


class TokenVerifier(Protocol):
    """Turns what a request presents into a principal. Several of them are asked in order; see `VerifierChain`."""

    def find(self, presented: Presented) -> str | None:
        """The text in a request that this verifier is to judge; None when it holds none of its kind.

        It only recognises the kind, cheaply and without trusting it: once it has taken a text, no other verifier gets
        to judge that request.
        """
        ...

    async def verify(self, token: str) -> Verified:
        """Judge a text that `find` returned. The audience is checked by the caller.

        Raises:
            InvalidToken: It is not good.
            IssuerUnavailable: It could not be judged.
        """
        ...
