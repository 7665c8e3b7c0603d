"""What a client is asked, as it stands on the wire: MCP elicitation and multi-round-trip requirements."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import mcp_types
import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit.testing import BrowserRobot
from tests.flows.test_ladder import eras, flavours, text_of
from tests.requirements.wire import URL_MODE, client, messages
from tests.wiki_world import wiki_world
from tests.world import ERA_MODES, Era, Flavour, World, world


async def question_of(here: World, era: Era, tool: str = "list_repos") -> mcp_types.ElicitRequestURLParams:
    """What a real client is handed; it declines."""
    questions: list[Any] = []

    async def ask(_message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
        questions.append(params)
        return ElicitResult(action="decline")

    transport = StreamableHttpTransport(here.resource, auth=here.token())
    async with Client(transport, mode=ERA_MODES[era], elicitation_handler=ask) as asked:
        await asked.call_tool(tool, {}, raise_on_error=False)
    assert len(questions) == 1
    assert isinstance(questions[0], mcp_types.ElicitRequestURLParams)
    return questions[0]


@eras
@flavours
async def test_the_question_is_in_url_mode_and_complete(era: Era, flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        question = await question_of(here, era)
        assert question.mode == "url"
        assert "DevForge" in question.message
        assert (question.elicitation_id is not None) == (era == "legacy")
        parts = urlsplit(question.url)
        assert f"{parts.scheme}://{parts.netloc}" == here.base
        assert parts.path == "/connect/forge"


@eras
async def test_typed_secrets_are_asked_for_in_url_mode(era: Era) -> None:
    # The stock client declares both modes, and takes the fields of a form.
    with wiki_world() as (wiki, _):
        question = await question_of(wiki.here, era, "read_wiki")
        assert question.mode == "url"
        assert urlsplit(question.url).path == "/connect/wiki"


@eras
def test_a_client_with_forms_only_is_asked_for_no_secret(era: Era) -> None:
    with wiki_world() as (wiki, _):
        answers = messages(client(wiki.here, era, capabilities={"elicitation": {"form": {}}}).call("read_wiki"))
        assert [one.get("method") for one in answers] == [None]
        assert answers[0]["result"]["isError"] is True
        assert "inputRequests" not in answers[0]["result"]
        assert "/connect/wiki?flow=" in str(answers[0]["result"]["content"])


@eras
async def test_the_link_holds_one_opaque_value_and_nobodys_name(era: Era) -> None:
    with world() as here:
        first, second = [await question_of(here, era) for _ in range(2)]
        assert "alice" not in first.url
        flows = [parse_qs(urlsplit(one.url).query, strict_parsing=True) for one in (first, second)]
        assert [list(one) for one in flows] == [["flow"], ["flow"]]
        # 256 random bits each, so that neither is guessed from the other.
        assert [len(one["flow"][0]) for one in flows] == [43, 43]
        assert flows[0] != flows[1]


@eras
async def test_the_link_signs_nobody_in(era: Era) -> None:
    with world() as here:
        link = (await question_of(here, era)).url
        async with BrowserRobot() as stranger:
            page = await stranger.open(link)
        # Whoever opens it without a session of ours stands before the issuer's login, and nothing is told before that.
        assert page.url.startswith(here.issuer.base_url)
        assert not any("session" in name for name in stranger.cookies)


@flavours
@eras
@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {}}, {"elicitation": {"form": {}}}], ids=str)
def test_a_client_that_did_not_declare_url_mode_is_not_asked(
    era: Era, flavour: Flavour, capabilities: dict[str, Any]
) -> None:
    with world(flavour=flavour) as here:
        answers = messages(client(here, era, capabilities=capabilities).call("list_repos"))
        assert [one.get("method") for one in answers] == [None]
        assert answers[0]["result"]["isError"] is True
        assert "inputRequests" not in answers[0]["result"]
        assert "/connect/forge?flow=" in str(answers[0]["result"]["content"])


@flavours
def test_an_input_required_result_has_one_question_under_its_own_key_and_a_state(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        [answer] = messages(client(here, "modern", capabilities=URL_MODE).call("list_repos"))
        result = answer["result"]
        assert result["resultType"] == "input_required"
        assert [(key, one["method"]) for key, one in result["inputRequests"].items()] == [
            ("forge", "elicitation/create")
        ]
        assert result["requestState"]


@flavours
def test_the_url_error_lists_url_questions_with_their_ids(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        [answer] = messages(client(here, "legacy", capabilities=URL_MODE).call("list_repos_fast"))
        assert answer["error"]["code"] == -32042
        [question] = answer["error"]["data"]["elicitations"]
        assert question["mode"] == "url"
        assert question["elicitationId"]
        assert question["message"]


@flavours
async def test_the_url_error_is_not_sent_once_nothing_is_missing(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "legacy", capabilities=URL_MODE)
        [refused] = messages(raw.call("list_repos_fast"))
        async with BrowserRobot() as robot:
            await here.visit(robot, refused["error"]["data"]["elicitations"][0]["url"])
        [answer] = messages(raw.call("list_repos_fast"))
        assert "error" not in answer


@flavours
@pytest.mark.parametrize("change", ["cut", "flip", "made up"])
def test_a_request_state_that_was_changed_is_refused(flavour: Flavour, change: str) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "modern", capabilities=URL_MODE)
        result = messages(raw.call("list_repos"))[0]["result"]
        state, link = result["requestState"], result["inputRequests"]["forge"]["params"]["url"]
        middle = len(state) // 2
        flipped = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
        changed = {"cut": state[:-8], "flip": flipped, "made up": '{"by": "mcpauthkit"}'}[change]
        answer = raw.call("list_repos", requestState=changed, inputResponses={"forge": {"action": "decline"}})
        assert answer.status_code == 400
        assert answer.json()["error"]["data"] == {"reason": "invalid_request_state"}
        # The decline that came with it did nothing: the same link is open still.
        assert link in client(here, "modern").call("list_repos").text


@eras
async def test_a_connection_belongs_to_the_user_and_not_to_the_session(era: Era) -> None:
    with world() as here:
        async with here.client(era, human=here.person()) as first:
            assert not (await text_of(first, "list_repos"))[0]
        async with here.client(era) as second:
            assert not (await text_of(second, "list_repos"))[0]
        async with here.client(era, sub="bob") as bobs:
            assert (await text_of(bobs, "list_repos"))[0]


@eras
async def test_two_users_who_are_asked_at_once_get_links_of_their_own(era: Era) -> None:
    with world() as here:
        links: dict[str, str] = {}

        async def one(sub: str) -> None:
            async with here.client(era, sub=sub) as asking:
                links[sub] = (await text_of(asking, "list_repos"))[1]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, "alice")
            tasks.start_soon(one, "bob")
        assert links["alice"] != links["bob"]
