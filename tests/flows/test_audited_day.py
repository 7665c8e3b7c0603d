"""A day of several people at both providers: what the log tells is what the store holds, and nothing secret."""

from __future__ import annotations

import json

from mcpauthkit.audit import Life
from tests.flows.audited_world import Audited, audited_world
from tests.flows.canaries import leaks, secrets_of
from tests.flows.test_ladder import eras, text_of
from tests.wiki_world import BAD, GOOD, TYPED
from tests.world import Era, Human, eventually

HOUR, DAY = 3600.0, 86_400.0
NOTES = "notes-canary-that-alice-typed"


async def call(on: Audited, era: Era, sub: str, tool: str, *, human: Human | None = None) -> str:
    async with on.here.client(era, sub=sub, human=human) as client:
        is_error, text = await text_of(client, tool)
        assert not is_error, text
        return text


async def morning(on: Audited, era: Era) -> None:
    """Everybody connects, and works."""
    here, wiki = on.here, on.wiki
    for sub in ("alice", "bob"):
        await call(on, era, sub, "list_repos", human=here.person(sub))
    await call(on, era, "alice", "list_repos")
    wiki.expires_at = on.clock.wall() + DAY
    await call(on, era, "alice", "read_wiki", human=wiki.person({**TYPED, "pat": BAD}, {**TYPED, "notes": NOTES}))
    wiki.expires_at = None
    await call(on, era, "carol", "read_wiki", human=wiki.person(sub="carol"))
    assert len(await on.stored()) == 4


async def noon(on: Audited, era: Era) -> None:
    """Tokens end: one is renewed, another cannot be, since its user withdrew it at the service."""
    here = on.here
    here.service.revoke_grants("octo-bob")
    here.service.expire_tokens()
    on.clock.advance(HOUR)
    await call(on, era, "alice", "list_repos")
    await call(on, era, "bob", "list_repos", human=here.person("bob"))
    # On a page of hers: a second account, which becomes the default, gives way to a third, and is connected anew.
    await on.connect_again("alice", "octo-work", account="work")
    async with on.api("alice") as http:
        (await http.put("/connections/api/forge/default", json={"account": "work"})).raise_for_status()
    await on.connect_again("alice", "octo-other", account="work")
    await on.connect_again("alice", "octo-other", account="work")


async def evening(on: Audited, era: Era) -> None:
    """Things end: by a tool, on a page, by an administrator, and by themselves."""
    await call(on, era, "carol", "forget_wiki")
    await call(on, era, "carol", "read_wiki", human=on.wiki.person(sub="carol"))
    async with on.api("alice") as http:
        (await http.delete("/connections/api/forge", params={"account": "work"})).raise_for_status()
    async with on.api("administrator") as http:
        ended = await http.post("/admin/revoke", params={"issuer": on.here.issuer.issuer_url, "subject": "carol"})
        assert ended.json() == 1
    on.clock.advance(DAY)
    on.here.service.expire_tokens()
    await call(on, era, "alice", "list_repos")


def told(on: Audited, sub: str, service: str) -> list[tuple[str, int, int]]:
    """Of each life of somebody's at a service, how it ended, how often it was used, and how often renewed."""
    mine = [one for one in on.lives().values() if _is_of(on, one, sub, service)]
    return [(one.end_reason, one.uses, one.renewals) for one in mine]


def _is_of(on: Audited, life: Life, sub: str, service: str) -> bool:
    digest = on.principal(sub).digest
    return life.principal.startswith(digest) and life.service == service


@eras
async def test_replaying_a_days_log_gives_what_the_store_holds_and_every_life(era: Era) -> None:
    with audited_world() as on:
        for part in (morning, noon, evening):
            await part(on, era)
            assert on.alive() == await on.stored(), part.__name__
        assert all(one.created and not one.is_uncertain for one in on.lives().values())
        assert told(on, "alice", "forge") == [
            ("", 4, 2),
            ("replaced by another account", 0, 0),
            ("disconnected", 0, 0),
        ]
        # Its end came by itself, which the log foretold.
        assert told(on, "alice", "wiki") == [("", 1, 0)]
        assert told(on, "bob", "forge") == [("ended by the service", 1, 0), ("", 1, 0)]
        assert told(on, "carol", "wiki") == [("of no use to the service", 2, 0), ("ended by an administrator", 1, 0)]
        assert len(on.events("credential.made_default")) == 1
        asked, ended = on.events("elicitation.asked"), on.events("elicitation.ended")
        assert {one["outcome"] for one in ended} == {"connected"}
        assert (len(asked), len(ended)) == (6, 9)
        # The other three began on the page of connections, where nobody had to be asked.
        assert {one["metadata"]["flow"] for one in asked} < {one["metadata"]["flow"] for one in ended}
        assert [one["outcome"] for one in on.events("credential.revoked")] == ["yes", "yes", "not_supported"]


@eras
async def test_no_event_of_a_day_holds_a_secret_a_link_or_what_somebody_typed(era: Era) -> None:
    with audited_world() as on:
        for part in (morning, noon, evening):
            await part(on, era)
        written = "\n".join(on.ink.lines)
        secrets = {**secrets_of(on.here), "typed": {GOOD, BAD, TYPED["base_url"], NOTES}}
        secrets["cookie"] = on.cookies
        secrets["flow"] = {link.partition("flow=")[2] for link in on.here.links}
        secrets["callers"] = {on.here.token(sub) for sub in ("alice", "bob")}
        assert leaks(secrets, {"trail": written}) == set()
        assert all(any(kind) for kind in secrets.values())
        for name in ("octo-", "alice", "bob", "carol"):
            assert name not in written


@eras
async def test_every_event_of_a_session_names_the_request_that_it_belongs_to(era: Era) -> None:
    with audited_world() as on:
        async with on.here.client(era, human=on.here.person()) as client:
            for _ in range(3):
                assert not (await text_of(client, "list_repos"))[0]
        events = [json.loads(line) for line in on.ink.lines]
        calls = [one["request_id"] for one in events if one["event"] == "call.finished" and one["outcome"] == "done"]
        uses = [one["request_id"] for one in events if one["event"] == "credential.used"]
        # A legacy session runs its calls in the context of the request that began it.
        assert len(set(calls)) == 3
        assert calls == uses


@eras
async def test_a_good_token_is_recorded_when_it_is_verified_and_not_when_it_is_remembered(era: Era) -> None:
    with audited_world() as on:
        async with on.here.client(era) as client:
            for _ in range(3):
                await client.call_tool("whoami", {})
        async with on.api("alice") as http:
            refused = await http.get("/connections/api", headers={"authorization": "Bearer nonsense"})
            assert refused.status_code == 401
        await eventually(lambda: any("token.refused" in line for line in on.ink.lines))
        events = [json.loads(line) for line in on.ink.lines]
        assert len([one for one in events if one["event"] == "token.verified"]) == 1
        [bad] = [one for one in events if one["event"] == "token.refused"]
        assert (bad["decision"], bad["reason"]) == ("deny", "invalid_token")
