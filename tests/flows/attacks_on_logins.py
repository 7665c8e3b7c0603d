"""Attacks on the browser login in front of our pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from tests.flows.adversary import MARKUP, SESSION_COOKIE, Attack, Reply, Stage, with_query

REFUSED = "browser.sign_in_refused"

Do = Callable[[Stage], Awaitable[Reply]]


async def _of_another(on: Stage) -> Reply:
    # Login CSRF: what Alice connects afterwards would be Bob's.
    reply = await on.open("alice", await on.login_callback("bob"))
    assert SESSION_COOKIE not in on.alice.cookies
    return reply


async def _replayed(on: Stage) -> Reply:
    callback = await on.login_callback()
    assert (await on.open("alice", callback)).status == 200
    return await on.open("alice", callback)


def _edited(edit: Callable[[httpx.URL], httpx.URL | str]) -> Do:
    async def do(on: Stage) -> Reply:
        reply = await on.open("alice", edit(await on.login_callback()))
        assert SESSION_COOKIE not in on.alice.cookies
        return reply

    return do


async def _injected(on: Stage) -> Reply:
    stolen, own = await on.login_callback("bob"), await on.login_callback()
    reply = await on.open("alice", own.copy_set_param("code", stolen.params["code"]))
    assert SESSION_COOKIE not in on.alice.cookies
    return reply


async def _mixed_up(on: Stage) -> Reply:
    on.here.issuer.misbehave(wrong_iss=True)
    return await on.open("alice", await on.login_callback())


def _repeated(name: str) -> Do:
    return _edited(lambda back: with_query(back, [(name, "x"), *back.params.multi_items()]))


def _erring(back: httpx.URL) -> str:
    kept = [(name, back.params[name]) for name in ("state", "iss")]
    return with_query(back, [*kept, ("error", MARKUP), ("error_description", MARKUP)])


LOGINS = (
    Attack("an attacker's sign-in in the victim's browser", _of_another, REFUSED, 400),
    Attack("a replayed sign-in", _replayed, REFUSED, 400),
    Attack(
        "a sign-in with a changed state", _edited(lambda back: back.copy_set_param("state", "x" * 43)), REFUSED, 400
    ),
    Attack("a sign-in without a state", _edited(lambda back: back.copy_remove_param("state")), REFUSED, 400),
    Attack("a sign-in of a state of markup", _edited(lambda back: back.copy_set_param("state", MARKUP)), REFUSED, 400),
    Attack(
        "a sign-in of a state that is far too long",
        _edited(lambda back: back.copy_set_param("state", "x" * 20_000)),
        REFUSED,
        400,
    ),
    Attack("a sign-in with an attacker's code", _injected, REFUSED, 400),
    Attack("a sign-in with a changed code", _edited(lambda back: back.copy_set_param("code", MARKUP)), REFUSED, 400),
    Attack("a sign-in without a code", _edited(lambda back: back.copy_remove_param("code")), REFUSED, 502),
    Attack("a sign-in with an error of markup", _edited(_erring), REFUSED, 400),
    Attack("a sign-in answered by another server", _mixed_up, REFUSED, 502),
    Attack("a sign-in with a second state", _repeated("state"), REFUSED, 400),
    Attack("a sign-in with a second code", _repeated("code"), REFUSED, 400),
)
