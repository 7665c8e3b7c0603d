"""What outlives a request, and what must not: statelessness, request states and sessions on the wire."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.flows.test_ladder import flavours
from tests.requirements.wire import URL_MODE, client, messages
from tests.world import Flavour, world

ASKING: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "list_repos", "arguments": {}},
    "resources/read": {"uri": "repos://mine/all"},
    "prompts/get": {"name": "review", "arguments": {}},
}
OTHERS: dict[str, dict[str, Any]] = {
    "tools/list": {},
    "resources/list": {},
    "resources/templates/list": {},
    "prompts/list": {},
    "server/discover": {},
    "completion/complete": {
        "ref": {"type": "ref/resource", "uri": "repos://mine/{kind}"},
        "argument": {"name": "kind", "value": "a"},
    },
}


@flavours
def test_requests_on_one_connection_know_nothing_of_each_other(flavour: Flavour) -> None:
    with world(flavour=flavour) as here, httpx.Client() as http:
        asking = client(here, "modern", capabilities=URL_MODE)
        silent, bob, nobody = (client(here, "modern"), client(here, "modern", sub="bob"), client(here, "modern"))
        nobody.token = None
        for one in (asking, silent, bob, nobody):
            one.http = http
        answers = {
            "asked": asking.call("list_repos"),
            "told": silent.call("list_repos"),
            "bob": bob.call("whoami"),
            "nobody": nobody.call("whoami"),
            "alice": asking.call("whoami"),
            "bob told": bob.call("list_repos"),
        }
        streams = [one.extensions["network_stream"] for one in answers.values()]
        assert len({stream.get_extra_info("client_addr") for stream in streams}) == 1
        # What a client can do is what this request says of it, and whose request it is its token.
        assert messages(answers["asked"])[0]["result"]["resultType"] == "input_required"
        for name in ("told", "bob told"):
            [answer] = messages(answers[name])
            assert answer["result"]["isError"]
            assert "inputRequests" not in answer["result"]
        assert "bob" in str(messages(answers["bob"])[0]["result"]["content"])
        assert "alice" in str(messages(answers["alice"])[0]["result"]["content"])
        assert answers["nobody"].status_code == 401


@flavours
def test_calls_reads_and_prompts_may_end_with_a_question_and_nothing_else(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "modern", capabilities=URL_MODE)
        for method, params in ASKING.items():
            [answer] = messages(send(raw, method, params))
            assert answer["result"]["resultType"] == "input_required"
            assert list(answer["result"]["inputRequests"]) == ["forge"]
        for method, params in OTHERS.items():
            [answer] = messages(send(raw, method, params))
            # A server without completions does not know the last of them.
            assert answer.get("error", {}).get("code") == -32601 or answer["result"]["resultType"] == "complete"
            assert "inputRequests" not in str(answer)
            assert "/connect/" not in str(answer)


def send(raw: Any, method: str, params: dict[str, Any]) -> httpx.Response:
    name = params.get("name") or params.get("uri")
    answer: httpx.Response = raw.send(method, params, extra_headers={"mcp-name": name} if name else {})
    return answer


@flavours
@pytest.mark.parametrize("other", ["arguments", "tool"])
def test_a_request_state_is_good_for_the_call_it_came_from_only(flavour: Flavour, other: str) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "modern", capabilities=URL_MODE)
        state = messages(raw.call("list_repos"))[0]["result"]["requestState"]
        answers = {"requestState": state, "inputResponses": {"forge": {"action": "accept"}}}
        refused = (
            raw.call("list_repos", arguments={"prefix": "h"}, **answers)
            if other == "arguments"
            else raw.call("list_repos_sync", **answers)
        )
        assert refused.status_code == 400
        assert refused.json()["error"]["data"] == {"reason": "invalid_request_state"}


@flavours
def test_a_modern_request_begins_no_session_and_needs_none(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "modern")
        answer = raw.call("whoami", extra_headers={"mcp-session-id": "made-up"})
        assert answer.status_code == 200
        assert "mcp-session-id" not in answer.headers


@flavours
def test_a_session_id_is_random_long_and_visible(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        ids = [str(client(here, "legacy").session) for _ in range(3)]
        assert len(set(ids)) == 3
        for one in ids:
            assert len(one) >= 32
            assert all("!" <= letter <= "~" for letter in one)


@flavours
def test_a_session_that_was_ended_is_not_found(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "legacy")
        assert raw.call("whoami").status_code == 200
        assert raw.send("", {}, verb="DELETE").is_success
        assert raw.call("whoami").status_code == 404
