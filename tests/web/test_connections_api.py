"""Connections as JSON: for whom the token says, never by a cookie, errors in the house's shape."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.errors import ConfigurationError, NoSuchConnection
from mcpauthkit.providers.connections import Connections
from mcpauthkit.testing import BrowserRobot, DevStore, approve, sign_in
from tests.audited import audit_lines, fields_of
from tests.web.connections_world import ConnectionsWorld, connections_world

if TYPE_CHECKING:
    from collections.abc import Iterator

API = "/connections/api"


@pytest.fixture
def here() -> Iterator[ConnectionsWorld]:
    with connections_world() as one:
        yield one


def refused(answer: httpx.Response, status: int, error: str) -> None:
    assert answer.status_code == status, answer.text
    assert sorted(answer.json()) == ["error", "error_description"]
    assert answer.json()["error"] == error
    assert answer.headers["cache-control"] == "no-store"


async def test_the_list_names_every_service_and_the_callers_own_connections(here: ConnectionsWorld) -> None:
    async with here.connected(), here.api() as http, here.api("bob") as other:
        answer = await http.get(API)
        forge, wiki = answer.json()["services"]
        assert answer.headers["cache-control"] == "no-store"
        assert forge["known_scopes"] == {"read:user": ["read_profile"], "repo": ["list_repos"]}
        assert (wiki["service"], wiki["display_name"], wiki["connections"]) == ("wiki", "Wiki", [])
        (one,) = forge["connections"]
        assert one["account"] == one["account_id"] == "octo-alice"
        assert one["scopes"] == ["read:user", "repo"]
        assert (one["health"], one["is_default"], one["renews_itself"]) == ("good", True, True)
        assert one["connected_at"].endswith("Z")
        assert [each["connections"] for each in (await other.get(API)).json()["services"]] == [[], []]
        for secret in (*here.service.live_tokens(), "dfr_"):
            assert secret not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", API), ("POST", f"{API}/forge"), ("DELETE", f"{API}/forge")])
async def test_without_a_token_there_is_a_401_whatever_cookies_say(
    here: ConnectionsWorld, method: str, path: str
) -> None:
    async with here.connected() as alice, here.api(None, cookies=alice.robot.cookies) as http:
        answer = await http.request(method, path)
        assert answer.status_code == 401
        assert "resource_metadata" in answer.headers["www-authenticate"]
        http.headers["authorization"] = "Bearer nonsense"
        assert (await http.request(method, path)).status_code == 401
    assert len(await here.connections.of(here.principal("alice"))) == 1


async def test_a_path_that_was_opened_by_mistake_still_knows_nobody() -> None:
    with connections_world(open_paths=("/connections",)) as here:
        async with here.connected() as alice, here.api(None, cookies=alice.robot.cookies) as http:
            for method, path in (("GET", API), ("DELETE", f"{API}/forge")):
                refused(await http.request(method, path), 401, "not_signed_in")
        assert len(await here.connections.of(here.principal("alice"))) == 1


async def test_a_link_connects_what_was_asked_for_and_only_for_its_owner(here: ConnectionsWorld) -> None:
    async with here.api() as http:
        answer = await http.post(f"{API}/forge", json={"scopes": ["repo"], "account": " work "})
        link = answer.json()["connect_url"]
        assert link.startswith(f"{here.server.base_url}/connect/forge?flow=")
        async with BrowserRobot() as robot:
            assert (await sign_in(robot, await robot.open(link), user="bob")).status == 403
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(link))
            assert "read:user" not in page.text
            await approve(robot, await robot.click(page, "Connect"))
        (one,) = (await http.get(API)).json()["services"][0]["connections"]
        assert (one["name"], one["scopes"]) == ("work", ["repo"])


async def test_a_link_without_wishes_is_for_everything_that_tools_need(here: ConnectionsWorld) -> None:
    async with here.api() as http:
        link = (await http.post(f"{API}/forge", json={})).json()["connect_url"]
    async with BrowserRobot() as robot:
        page = await sign_in(robot, await robot.open(link))
    assert "read:user" in page.text
    assert "repo" in page.text


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": "repo"},
        {"scopes": ["delete_everything"]},
        {"scopes": ["repo", 7]},
        {"scopes": ["re po"]},
        {"scopes": None},
        {"surprise": True},
        [],
        {"account": "x" * 20_000},
    ],
    ids=["text", "unknown", "number", "space", "null", "member", "list", "large"],
)
async def test_a_body_that_makes_no_sense_is_refused(here: ConnectionsWorld, body: Any) -> None:
    async with here.api() as http:
        refused(await http.post(f"{API}/forge", json=body), 400, "invalid_request")


@pytest.mark.parametrize("name", ["x" * 61, "a\u202eb", 7, ["work"]])
async def test_a_name_that_is_none_is_refused(here: ConnectionsWorld, name: Any) -> None:
    async with here.api() as http:
        refused(await http.post(f"{API}/forge", json={"account": name}), 400, "account_name_refused")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"{}"),
        ("application/x-www-form-urlencoded", b"{}"),
        ("application/json", b"scopes=repo"),
        ("application/json", b'{"account": "%s"}' % (b"x" * 20_000)),
        ("application/json", b'{"surprise": 1}'),
    ],
    ids=["text", "form", "no JSON", "large", "member"],
)
async def test_what_no_frontend_of_ours_sends_is_refused_and_audited(
    here: ConnectionsWorld, content_type: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    # A page of another site can send a form.
    async with here.api() as http:
        answer = await http.post(f"{API}/forge", content=body, headers={"content-type": content_type})
    refused(answer, 400, "invalid_request")
    digest = here.principal("alice").digest
    assert [line.partition(" request_id=")[0] for line in audit_lines(caplog, level=logging.WARNING)] == [
        f'request.refused decision=deny service=forge user={digest} reason="no JSON object of ours"'
    ]


@pytest.mark.parametrize(("method", "more"), [("POST", {"json": {}}), ("DELETE", {})])
async def test_an_unknown_service_is_told_with_those_there_are(
    here: ConnectionsWorld, method: str, more: dict[str, Any]
) -> None:
    async with here.api() as http:
        answer = await http.request(method, f"{API}/nowhere", **more)
    refused(answer, 404, "no_such_connection")
    assert "forge, wiki" in answer.json()["error_description"]


async def test_disconnecting_ends_one_connection_or_all_and_says_what_the_service_said(here: ConnectionsWorld) -> None:
    async with here.connected() as alice, here.api() as http:
        await alice.second_account("work")
        answer = await http.delete(f"{API}/forge", params={"account": "work"})
        ended = [{"name": "work", "account": "octo-bob", "revoked": "yes"}]
        assert (answer.status_code, answer.json()) == (200, {"disconnected": ended})
        refused(await http.delete(f"{API}/forge", params={"account": "work"}), 404, "no_such_connection")
        here.service.faults.respond("revoke", status=500)
        answer = await http.delete(f"{API}/forge")
        assert [one["revoked"] for one in answer.json()["disconnected"]] == ["no"]
        refused(await http.delete(f"{API}/forge"), 404, "no_such_connection")
        refused(await http.delete(f"{API}/forge?account=a&account=b"), 400, "invalid_request")


async def test_nobody_ends_what_is_somebody_elses(here: ConnectionsWorld) -> None:
    async with here.connected(), here.api("bob") as http:
        refused(await http.delete(f"{API}/forge"), 404, "no_such_connection")
    assert len(here.service.live_tokens("octo-alice")) == 1


async def test_an_outage_of_the_store_is_a_503_and_an_administrator_is_told_to_repeat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = DevStore()
    with connections_world(store=store) as here:
        async with here.connected(), here.api() as http:
            with store.outage():
                refused(await http.get(API), 503, "store_unavailable")
                caplog.clear()
                assert (await http.post("/admin/revoke/alice")).json() == "store_unavailable"
                assert len(audit_lines(caplog, level=logging.WARNING)) == 1
            assert (await http.post("/admin/revoke/alice")).json() == [["forge", "", "yes"]]


async def test_the_applications_code_sees_and_ends_a_users_connections(here: ConnectionsWorld) -> None:
    alice = here.principal("alice")
    async with here.connected() as browser:
        await browser.connect("Connect Wiki")
    assert [one.service for one in await here.connections.of(alice)] == ["forge", "wiki"]
    ended = await here.connections.disconnect(alice, "wiki")
    assert [one.revoked.value for one in ended] == ["not supported"]
    assert await here.connections.disconnect(alice, "wiki") == []
    with pytest.raises(NoSuchConnection):
        await here.connections.disconnect(alice, "nowhere")


async def test_an_administrator_ends_everything_of_one_user_and_it_is_audited(
    here: ConnectionsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    async with here.connected() as alice, here.connected("bob"):
        await alice.second_account("work")
        await alice.connect("Connect Wiki")
    tokens = here.service.live_tokens()
    caplog.clear()
    caplog.set_level("INFO", "mcpauthkit.audit")
    async with here.api("administrator") as http:
        ended = await http.post("/admin/revoke/alice")
        assert (await http.post("/admin/revoke/nobody")).json() == []
    assert ended.json() == [["forge", "", "yes"], ["forge", "work", "yes"], ["wiki", "", "not supported"]]
    assert await here.connections.of(here.principal("alice")) == []
    assert len(await here.connections.of(here.principal("bob"))) == 1
    records = [one for one in caplog.records if one.name == "mcpauthkit.audit"]
    told = [fields_of(one.getMessage()) for one in records if one.levelname == "INFO"]
    of_alice = [one for one in told if one["user"] == here.principal("alice").digest]
    ended_here = [one for one in of_alice if one["event"] == "credential.removed"]
    assert len({one["credential"] for one in ended_here}) == len(ended_here) == 3
    assert {one["reason"] for one in ended_here} == {"ended by an administrator"}
    ended_there = sorted(one["outcome"] for one in of_alice if one["event"] == "credential.revoked")
    assert ended_there == ["not_supported", "yes", "yes"]
    audited = [one.getMessage() for one in records if one.levelname == "WARNING"]
    assert len(audited) == 2
    assert here.principal("alice").digest in audited[0]
    assert not any(word in audited[0] for word in ("alice", *tokens))


def test_something_that_is_no_application_is_refused() -> None:
    app: Any = object()
    with pytest.raises(ConfigurationError):
        Connections(app)


async def test_another_account_becomes_the_default_by_its_name_or_its_services(here: ConnectionsWorld) -> None:
    async with here.connected() as alice, here.api() as http, here.api("bob") as other:
        await alice.second_account("work")
        for account in ("work", "octo-alice", "OCTO-BOB"):
            answer = await http.put(f"{API}/forge/default", json={"account": account})
            assert answer.status_code == 200, answer.text
            first = answer.json()["connections"][0]
            assert account.casefold() in {first["name"], first["account"]}
            assert first["is_default"]
        for account in ("nobodys", ""):
            refused(await http.put(f"{API}/forge/default", json={"account": account}), 404, "no_such_connection")
        refused(await other.put(f"{API}/forge/default", json={"account": "work"}), 404, "no_such_connection")
        refused(await http.put(f"{API}/forge/default", json={}), 400, "account_name_refused")
        refused(await http.put(f"{API}/forge/default", content=b"account=work"), 400, "invalid_request")


async def test_an_account_is_found_by_what_its_service_calls_it_unless_that_is_ambiguous(
    here: ConnectionsWorld,
) -> None:
    async with here.connected() as alice, here.api() as http:
        await alice.second_account("work")
        link = (await http.post(f"{API}/forge", json={"account": "octo-bob"})).json()["connect_url"]
        assert "<bdi>work</bdi>" in (await alice.open(link)).html
        ended = (await http.delete(f"{API}/forge", params={"account": "octo-bob"})).json()["disconnected"]
        assert [one["name"] for one in ended] == ["work"]
        refused(await http.delete(f"{API}/forge", params={"account": "octo-bob"}), 404, "no_such_connection")
