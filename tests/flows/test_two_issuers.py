"""Leg 2 for the users of a second issuer: the browser signs in where the user is known."""

from __future__ import annotations

import pytest

from mcpauthkit import TrustedIssuer
from mcpauthkit.testing import BrowserRobot, DevIssuer, approve, sign_in
from tests.flows.test_ladder import link_in, text_of
from tests.world import ERA_MODES, Era, world


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_user_of_the_second_issuer_connects_by_signing_in_there(era: Era) -> None:
    with (
        DevIssuer(algorithm="ES256") as second,
        world(middleware_options={"issuers": [TrustedIssuer(second.issuer_url)]}) as here,
    ):
        token = second.token(sub="alice", audience=here.resource, scope="mcp:tools")
        async with here.client(era, human=here.person("alice"), token=token) as client:
            assert "hello-world" in str((await client.call_tool("list_repos")).content)
        assert second.requests.count("authorize") > 0
        assert here.issuer.requests.count("authorize") == 0


async def test_the_same_subject_of_the_first_issuer_is_somebody_else_who_may_sign_in_as_the_right_one() -> None:
    # L8: the second one read the first one's token.
    with (
        DevIssuer(algorithm="ES256") as second,
        world(middleware_options={"issuers": [TrustedIssuer(second.issuer_url)]}) as here,
    ):
        links = []
        for token in (here.token("alice"), second.token(sub="alice", audience=here.resource, scope="mcp:tools")):
            async with here.client(token=token) as client:
                links.append(link_in((await text_of(client, "list_repos"))[1]))
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(links[0]), user="alice")
            assert page.status == 200
            page = await robot.open(links[1])
            assert page.status == 403
            page = await sign_in(robot, await robot.click(page, "Sign in as somebody else"), user="alice")
            assert page.status == 200
            page = await approve(robot, await robot.click(page, "Connect"), account="octo-alice")
            assert page.status == 200
        async with here.client(token=here.token("alice")) as client:
            assert (await text_of(client, "list_repos"))[0]
