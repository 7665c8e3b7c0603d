"""Leg 1 as a list of milestones: what a client without any prior knowledge has to do to get in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from quickstart.narrator import Narrator, StepFailed
from quickstart.settings import Settings
from quickstart.wire import Exchange

Told = tuple[str, ...] | None
"""What to tell about an exchange, or None when it is not the one that was waited for."""


@dataclass(frozen=True)
class Milestone:
    """One thing that has to happen.

    Attributes:
        title: What happens, in plain words.
        expected: What proves it.
        recognise: Gives the lines to show for the exchange that is the proof, and None for any other.
    """

    title: str
    expected: str
    recognise: Callable[[Exchange], Told]


class LoginStory:
    """Ticks milestones off, in order, as exchanges are heard.

    Args:
        narrator: Who tells it.
        milestones: What has to happen.
    """

    def __init__(self, narrator: Narrator, milestones: tuple[Milestone, ...]) -> None:
        self._narrator = narrator
        self._open = list(milestones)
        self._unrecognised: list[Exchange] = []

    def begin(self) -> None:
        """Announce the first milestone."""
        self._narrator.begin(self._open[0].title)

    def hear(self, exchange: Exchange) -> None:
        """Take note of an exchange."""
        told = self._open[0].recognise(exchange) if self._open else None
        if told is None:
            self._unrecognised.append(exchange)
            return
        self._unrecognised.clear()
        self._open.pop(0)
        self._narrator.wire(*told)
        self._narrator.done()
        if self._open:
            self.begin()

    def end(self, trouble: str = "") -> None:
        """The client says that it is in, or why not.

        Raises:
            StepFailed: A milestone is still open, or there was trouble after the last one.
        """
        came = "; ".join([*map(str, self._unrecognised), *([trouble] if trouble else [])]) or "nothing at all"
        if self._open:
            raise StepFailed(self._open[0].expected, came, step=self._open[0].title)
        if trouble:
            raise StepFailed("a session that works", came, step="the session after the login")


def login_milestones(settings: Settings) -> tuple[Milestone, ...]:
    """The way from knowing one address to being signed in."""
    return (
        Milestone(
            "A client that knows only the address calls, and is refused.",
            "HTTP 401 with a Bearer challenge that points to the metadata",
            _is_challenge,
        ),
        Milestone(
            "It looks up who signs people in for this server.",
            f"a document for {settings.mcp_url} that names the issuer {settings.issuer_url}",
            lambda exchange: _is_resource_document(exchange, settings),
        ),
        Milestone(
            "It asks the issuer how that is done.",
            "the issuer's metadata, under the very name the server gave",
            lambda exchange: _is_issuer_document(exchange, settings),
        ),
        Milestone(
            "It introduces itself to the issuer: nobody had to register it before.",
            "HTTP 201 from the registration endpoint",
            _is_registration,
        ),
        Milestone(
            "Alice signs in at the issuer, in her browser.",
            "a redirect back to the client, after a request with PKCE and the server's address",
            lambda exchange: _is_sign_in(exchange, settings),
        ),
        Milestone(
            "The client gets a token that is good for this server only.",
            "HTTP 200 from the token endpoint, for a request that names the server",
            lambda exchange: _is_token(exchange, settings),
        ),
        Milestone(
            "It calls again, with the token, and is let in.",
            "HTTP 200 from the MCP endpoint",
            lambda exchange: _is_welcome(exchange, settings),
        ),
    )


def _is_challenge(exchange: Exchange) -> Told:
    challenge = exchange.headers.get("www-authenticate", "")
    if exchange.status != 401 or not challenge.startswith("Bearer ") or "resource_metadata=" not in challenge:  # noqa: PLR2004
        return None
    scope, address = (_parameter(challenge, name) for name in ("scope", "resource_metadata"))
    return str(exchange), f'WWW-Authenticate: Bearer scope="{scope}", resource_metadata=', f'"{address}"'


def _parameter(challenge: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', challenge)
    return found[1] if found else ""


def _is_resource_document(exchange: Exchange, settings: Settings) -> Told:
    servers = exchange.answer.get("authorization_servers")
    if exchange.answer.get("resource") != settings.mcp_url or servers != [settings.issuer_url]:
        return None
    return str(exchange), f"resource {settings.mcp_url}, issuer {settings.issuer_url}"


def _is_issuer_document(exchange: Exchange, settings: Settings) -> Told:
    if exchange.answer.get("issuer") != settings.issuer_url:
        return None
    return str(exchange), "endpoints for registration, authorization and tokens; PKCE: S256"


def _is_registration(exchange: Exchange) -> Told:
    if exchange.status != 201 or "redirect_uris" not in exchange.sent:  # noqa: PLR2004
        return None
    return str(exchange), "a public client with a loopback redirect address"


def _is_sign_in(exchange: Exchange, settings: Settings) -> Told:
    if exchange.sent.get("code_challenge_method") != "S256" or exchange.sent.get("resource") != settings.mcp_url:
        return None
    return (
        f"GET {exchange.path}: the login page",
        f"PKCE S256, resource {settings.mcp_url}",
        f"{exchange}: back to the client, with a one-time code",
    )


def _is_token(exchange: Exchange, settings: Settings) -> Told:
    sent = exchange.sent
    if exchange.status != 200 or "code_verifier" not in sent or sent.get("resource") != settings.mcp_url:  # noqa: PLR2004
        return None
    return f"{exchange}: code and PKCE verifier for a token", f"resource {settings.mcp_url}: its audience"


def _is_welcome(exchange: Exchange, settings: Settings) -> Told:
    if exchange.url != settings.mcp_url or exchange.status != 200:  # noqa: PLR2004
        return None
    return (str(exchange),)
