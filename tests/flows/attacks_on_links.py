"""Attacks on connect links: what arrives by a link that is not one's own, or not any more what it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from tests.flows.adversary import MARKUP, SESSION_COOKIE, Attack, Reply, Stage, page_of, with_query

FORWARDED = "link.refused: forwarded"
UNKNOWN = "link.refused: unknown"
UNSIGNED = "form.refused: no token of ours"

Do = Callable[[Stage], Awaitable[Reply]]


def _forwarded(path: str) -> Do:
    async def do(on: Stage) -> Reply:
        link = await on.link()
        await on.signed_in("bob", await on.link("bob"))
        return await on.open("bob", link.replace("/connect/forge", f"/connect/forge{path}"))

    return do


async def _declined_by_another(on: Stage) -> Reply:
    link = await on.link()
    await on.signed_in("bob", await on.link("bob"))
    decline = link.replace("/connect/forge", "/connect/forge/decline")
    reply = await on.send(decline, cookies=on.bob.cookies, method="POST")
    # Alice's link is as good as before.
    assert (await on.signed_in("alice", link)).status == 200
    return reply


def _edited(edit: Callable[[str], str]) -> Do:
    async def do(on: Stage) -> Reply:
        link = await on.link()
        await on.signed_in("alice", link)
        return await on.open("alice", edit(link))

    return do


async def _page_with_anothers_cookie(on: Stage) -> Reply:
    link = await on.link()
    await on.signed_in("alice", link)
    await on.signed_in("bob", await on.link("bob"))
    swapped = {**on.alice.cookies, SESSION_COOKIE: on.bob.cookies[SESSION_COOKIE]}
    return await on.send(link, cookies=swapped)


async def _two_flows_in_one_link(on: Stage) -> Reply:
    alices, bobs = await on.link(), await on.link("bob")
    await on.signed_in("bob", bobs)
    flows = [("flow", httpx.URL(link).params["flow"]) for link in (alices, bobs)]
    reply = await on.open("bob", with_query(bobs, flows))
    assert page_of(reply).links == ()
    return reply


def _to_start(link: str) -> str:
    return link.replace("/connect/forge", "/connect/forge/start")


LINKS = (
    Attack("a forwarded link", _forwarded(""), FORWARDED, 403),
    Attack("the start of a forwarded link", _forwarded("/start"), FORWARDED, 403),
    Attack("the start of one's own link, on another site", _edited(_to_start), UNSIGNED, 200),
    Attack("a no to somebody else's link", _declined_by_another, FORWARDED, 403),
    Attack("somebody else's cookie at the page", _page_with_anothers_cookie, FORWARDED, 403),
    Attack(
        "a link with another flow", _edited(lambda link: link[:-1] + ("A" if link[-1] != "A" else "B")), UNKNOWN, 410
    ),
    Attack("a link without a flow", _edited(lambda link: link.partition("?")[0]), UNKNOWN, 410),
    Attack("a link of markup", _edited(lambda link: with_query(link, [("flow", MARKUP)])), UNKNOWN, 410),
    Attack("a link of control characters", _edited(lambda link: f"{link}%00%0d%0aset-cookie:%20x=y"), UNKNOWN, 410),
    Attack("a link that is far too long", _edited(lambda link: link + "x" * 20_000), UNKNOWN, 410),
    Attack("a link for another service", _edited(lambda link: link.replace("/forge", "/wiki")), UNKNOWN, 410),
    Attack(
        "the start of a link for another service",
        _edited(lambda link: link.replace("/forge", "/wiki/start")),
        UNKNOWN,
        410,
    ),
    Attack("a link with two flows", _two_flows_in_one_link, UNKNOWN, 410),
)
