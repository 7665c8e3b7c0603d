"""Attacks on the way back from the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import httpx

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.testing import approve, sign_in
from tests.flows.adversary import MARKUP, SESSION_COOKIE, Attack, Reply, Stage, with_query
from tests.flows.attacks_on_links import UNKNOWN

STATE = "callback.refused: unknown or used state"
BROWSER = "callback.refused: in another browser"
REFUSED = "callback.refused: no credential for its code"
FINISHED = "callback.refused: of a finished flow"
ALICE_ONLY = {"alice": "octo-alice"}

Do = Callable[[Stage], Awaitable[Reply]]


async def _replayed(on: Stage) -> Reply:
    callback = await on.callback()
    assert (await on.open("alice", callback)).status == 200
    return await on.open("alice", callback)


async def _in_anothers_browser(on: Stage) -> Reply:
    await on.signed_in("bob", await on.link("bob"))
    return await on.open("bob", await on.callback())


async def _in_a_browser_without_session(on: Stage) -> Reply:
    return await on.open("bob", await on.callback())


async def _in_a_second_session(on: Stage) -> Reply:
    link = await on.link()
    await sign_in(on.bob, await on.bob.open(link), user="alice")
    return await on.open("bob", await on.callback(link=link))


def _with_cookie(value: Callable[[Stage], str]) -> Do:
    async def do(on: Stage) -> Reply:
        callback = await on.callback()
        await on.signed_in("bob", await on.link("bob"))
        return await on.send(callback, cookies={**on.alice.cookies, SESSION_COOKIE: value(on)})

    return do


def _sealed(on: Stage, keys: Mapping[str, str], base_url: str) -> str:
    """Alice's session as another application, or one with another key, would have sealed it."""
    content = {"session_id": "s", "issuer": on.here.issuer.issuer_url, "subject": "alice", "name": "Alice"}
    ring = KeyRing(dict(keys), minting="test")
    expires_at = SystemClock().wall() + 600
    return Sealer(ring, "cookie").seal(content, context=f"{base_url}|session", expires_at=expires_at)


def _edited(edit: Callable[[httpx.URL], httpx.URL | str]) -> Do:
    async def do(on: Stage) -> Reply:
        return await on.open("alice", edit(await on.callback()))

    return do


def _answering(**answer: str) -> Do:
    """The service's answer, under the right state and in the right browser, replaced by an attacker's."""

    async def do(on: Stage) -> Reply:
        callback = await on.callback()
        return await on.open("alice", with_query(callback, [("state", callback.params["state"]), *answer.items()]))

    return do


async def _mixed_up(on: Stage) -> Reply:
    on.here.service.misbehave(wrong_iss=True)
    return await on.open("alice", await on.callback())


def _injected(victim: str, attacker: str) -> Do:
    """A code of one person's visit, brought back with the state of the other's."""

    async def do(on: Stage) -> Reply:
        stolen, own = await on.callback(attacker), await on.callback(victim)
        return await on.open(victim, own.copy_set_param("code", stolen.params["code"]))

    return do


async def _whole_callback_of_another(on: Stage) -> Reply:
    await on.signed_in("alice", await on.link())
    return await on.open("alice", await on.callback("bob"))


async def _second_tab(on: Stage) -> Reply:
    link = await on.link()
    first = await on.callback(link=link)
    second = await on.callback(link=link)
    assert (await on.open("alice", first)).status == 200
    return await on.open("alice", second)


async def _tab_after_a_no(on: Stage) -> Reply:
    link = await on.link()
    callback = await on.callback(link=link)
    await on.alice.click(await on.alice.open(link), "Not now")
    reply = await on.open("alice", callback)
    assert "You said no" in reply.html
    assert on.here.service.requests.count("token") == 0
    return reply


async def _tab_left_after_a_no(on: Stage) -> Reply:
    """The tab that is still at the service when the other one says no."""
    link = await on.link()
    at_service = await on.alice.click(await on.signed_in("alice", link), "Connect")
    await on.alice.click(await on.alice.open(link), "Not now")
    return Reply.of(await approve(on.alice, at_service, account="octo-alice"))


def _repeated(name: str) -> Do:
    return _edited(lambda back: with_query(back, [(name, "x"), *back.params.multi_items()]))


CALLBACKS = (
    Attack("a replayed callback", _replayed, STATE, 400, ALICE_ONLY),
    Attack("a callback in somebody else's browser", _in_anothers_browser, BROWSER, 403),
    Attack("a callback in a browser without session", _in_a_browser_without_session, BROWSER, 403),
    Attack("a callback in another session of the same user", _in_a_second_session, BROWSER, 403),
    Attack("somebody else's cookie", _with_cookie(lambda on: on.bob.cookies[SESSION_COOKIE]), BROWSER, 403),
    Attack(
        "a cookie sealed with another key",
        _with_cookie(lambda on: _sealed(on, {"test": "another-key-of-at-least-32-bytes-len"}, on.here.base)),
        BROWSER,
        403,
    ),
    Attack(
        "a cookie of another application with the same key",
        _with_cookie(lambda on: _sealed(on, {"test": "test-key-of-at-least-32-bytes-length"}, "https://other.example")),
        BROWSER,
        403,
    ),
    Attack(
        "a session that was never opened here",
        _with_cookie(lambda on: _sealed(on, {"test": "test-key-of-at-least-32-bytes-length"}, on.here.base)),
        BROWSER,
        403,
    ),
    Attack("a cookie that is far too long", _with_cookie(lambda _on: "x" * 20_000), BROWSER, 403),
    Attack("a state that was changed", _edited(lambda back: back.copy_set_param("state", "x" * 43)), STATE, 400),
    Attack(
        "a state that is far too long", _edited(lambda back: back.copy_set_param("state", "x" * 20_000)), STATE, 400
    ),
    Attack("a state of markup", _edited(lambda back: back.copy_set_param("state", MARKUP)), STATE, 400),
    Attack("no state", _edited(lambda back: back.copy_remove_param("state")), STATE, 400),
    Attack("a state for another service", _edited(lambda back: str(back).replace("/forge", "/wiki")), UNKNOWN, 410),
    Attack("an answer of another server", _mixed_up, REFUSED, 200),
    Attack("a code that was changed", _edited(lambda back: back.copy_set_param("code", "stolen")), REFUSED, 200),
    Attack("a code of markup", _edited(lambda back: back.copy_set_param("code", MARKUP)), REFUSED, 200),
    Attack(
        "a code that is far too long", _edited(lambda back: back.copy_set_param("code", "x" * 20_000)), REFUSED, 200
    ),
    Attack("no code", _edited(lambda back: back.copy_remove_param("code")), REFUSED, 200),
    Attack("an error of markup", _answering(error=MARKUP, error_description=MARKUP, error_uri=MARKUP), REFUSED, 200),
    Attack("an attacker's code in the victim's browser", _injected("alice", "bob"), REFUSED, 200),
    Attack("a victim's code in the attacker's browser", _injected("bob", "alice"), REFUSED, 200),
    Attack("an attacker's whole callback in the victim's browser", _whole_callback_of_another, BROWSER, 403),
    Attack("a second state", _repeated("state"), STATE, 400),
    Attack("a second code", _repeated("code"), STATE, 400),
    Attack("a second iss", _repeated("iss"), STATE, 400),
    Attack("a second tab that finishes too", _second_tab, FINISHED, 200, ALICE_ONLY),
    Attack("a tab that finishes after a no", _tab_after_a_no, FINISHED, 200),
    Attack("a tab that is at the service when another says no", _tab_left_after_a_no, FINISHED, 200),
)
