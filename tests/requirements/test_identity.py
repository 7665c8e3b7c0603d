"""Whose request it is: MCP authorization, session and token-passthrough requirements."""

from __future__ import annotations

import pytest

from tests.flows.test_ladder import eras, flavours, text_of
from tests.requirements.wire import URL_MODE, RawClient, client, messages
from tests.world import Era, Flavour, world


@eras
@flavours
def test_every_request_needs_its_own_token(era: Era, flavour: Flavour) -> None:
    # A session is no authentication: each later request without a token is refused, whatever it is.
    with world(flavour=flavour) as here:
        raw = client(here, era)
        assert raw.call("whoami").status_code == 200
        raw.token = None
        answers = [raw.call("whoami"), raw.send("tools/list", {}), raw.send("ping", {})]
        answers += [raw.send("tools/list", {}, verb=verb) for verb in ("GET", "DELETE", "PUT")]
        assert [one.status_code for one in answers] == [401] * 6
        assert all("whoami" not in one.text and "alice" not in one.text for one in answers)


@flavours
@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
def test_alices_session_is_of_no_use_to_bob(flavour: Flavour, verb: str) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "legacy")
        raw.token = here.token("bob")
        assert raw.send("tools/list", {}, verb=verb).status_code == 404
        raw.token = here.token("alice")
        assert raw.call("whoami").status_code == 200


@flavours
def test_alices_request_state_is_of_no_use_to_bob_or_to_another_client_of_hers(flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, "modern", capabilities=URL_MODE, client_id="editor")
        state = messages(raw.call("list_repos"))[0]["result"]["requestState"]
        thieves = [here.token("bob", client_id="editor"), here.token("alice", client_id="another")]
        for token in thieves:
            raw.token = token
            answer = raw.call("list_repos", requestState=state, inputResponses={"forge": {"action": "accept"}})
            assert answer.status_code == 400
            assert answer.json()["error"]["data"] == {"reason": "invalid_request_state"}


@eras
@flavours
def test_what_a_client_says_about_its_user_does_not_count(era: Era, flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        raw = client(here, era)
        headers = {"x-user": "bob", "x-forwarded-user": "bob", "x-remote-user": "bob", "cookie": "user=bob"}
        answer = raw.call("whoami", extra_headers=headers, arguments={})
        assert "alice" in str(messages(answer)[-1]["result"]["content"])


@eras
async def test_the_callers_own_token_goes_to_no_other_service(era: Era) -> None:
    with world() as here:
        token = here.token()
        async with here.client(era, token=token, human=here.person()) as one:
            assert not (await text_of(one, "list_repos"))[0]
        seen = here.service.requests.all()
        assert {"authorize", "token"} <= {request.endpoint for request in seen}
        for request in seen:
            assert token not in repr((dict(request.headers), request.query, request.body))


@eras
def test_without_a_token_nobody_is_asked_to_connect_anything(era: Era) -> None:
    # Signing in to this server is the 401's business, never elicitation's.
    with world() as here:
        answer = RawClient(here, era, capabilities=URL_MODE).call("list_repos")
        assert answer.status_code == 401
        assert "connect/forge" not in answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert len(here.store) == 0


@eras
def test_a_refused_request_reaches_no_tool(era: Era) -> None:
    ran: list[str] = []

    def build(mcp: object, _provider: object) -> None:
        @mcp.tool()  # type: ignore[attr-defined]  # FastMCP or MCPServer
        def touch() -> str:
            """Leave a trace."""
            ran.append("ran")
            return "done"

    with world(build=build) as here:
        good = client(here, era)
        for claims in (
            {"audience": "https://other.example/mcp"},
            {"expires_in": -3600},
            {"iss": "https://other.example"},
        ):
            bad = RawClient(here, era, token=here.token(**claims))
            bad.session = good.session
            assert bad.call("touch").status_code == 401
        assert ran == []
        assert good.call("touch").status_code == 200
        assert ran == ["ran"]
