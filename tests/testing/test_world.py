"""The small world around an application under test: its clients, and its switches."""

from __future__ import annotations

from typing import get_args

import pytest

from mcpauthkit import Patience
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import ClientProfile, DevStore, DevWorld, FakeClock
from mcpauthkit.testing.client_session import Library
from mcpauthkit.testing.profiles import PROFILES
from mcpauthkit.testing.visits import Reply, WhenAsked
from tests.testing.served import Flavour, create_app

REPOS = ["hello-world", "notes", "dotfiles"]
flavours = pytest.mark.parametrize("flavour", get_args(Flavour))
libraries = pytest.mark.parametrize("library", get_args(Library))
profiles = pytest.mark.parametrize("profile", PROFILES)


@flavours
async def test_both_legs_of_an_application(dev_world: DevWorld, flavour: Flavour) -> None:
    dev_world.serve(create_app(dev_world, flavour))
    async with dev_world.client("alice", "none-modern") as alice:
        link = (await alice.call("list_repos")).link
        assert (await dev_world.connect(link, user="bob")).status == 403
        assert "is connected" in (await alice.connect(link)).text
        assert (await alice.call("list_repos")).data == REPOS
        dev_world.expire("credentials", user="alice")
        assert (await alice.call("list_repos")).data == REPOS
        assert dev_world.service.requests.count("token", grant_type="refresh_token") == 1
        dev_world.revoke("credentials", user="alice")
        assert (await alice.call("list_repos")).link


@profiles
@pytest.mark.parametrize(("flavour", "library"), [("fastmcp", "fastmcp"), ("fastmcp", "mcp"), ("mcpserver", "fastmcp")])
async def test_every_kind_of_client_gets_to_the_result(
    dev_world: DevWorld, profile: str, flavour: Flavour, library: Library
) -> None:
    kind = ClientProfile.named(profile)
    dev_world.serve(create_app(dev_world, flavour, server_options=kind.server_options))
    async with dev_world.client("alice", kind, library=library) as alice:
        answer = await alice.call("list_repos")
        if answer.link:
            assert answer.is_error
            assert "is connected" in (await alice.connect(answer.link)).text
            answer = await alice.call("list_repos")
    assert answer.data == REPOS
    # Only a client that has said that it opens links, to a server that remembers it, is asked.
    assert len(alice.asked) == (kind.elicitation == "url" and kind.era != "stateless")


async def test_the_link_that_comes_as_an_error_is_the_link_of_the_answer(dev_world: DevWorld) -> None:
    dev_world.serve(create_app(dev_world, server_options={"json_response": True}))
    async with dev_world.client("alice", "url-legacy") as alice:
        answer = await alice.call("list_repos")
        assert (answer.code, answer.status, answer.is_error) == (-32042, 200, True)
        await alice.connect(answer.link)
        assert (await alice.call("list_repos")).data == REPOS


@libraries
async def test_a_client_for_servers_without_sessions_says_so_where_there_are_some(
    dev_world: DevWorld, library: Library
) -> None:
    dev_world.serve(create_app(dev_world))
    with pytest.raises(ConfigurationError) as refused:
        async with dev_world.client("alice", "none-stateless", library=library):
            pass
    assert "server_options" in str(refused.value)


def test_an_unknown_kind_of_client_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError) as refused:
        ClientProfile.named("url-ancient")
    assert all(name in str(refused.value) for name in PROFILES)
    assert [ClientProfile.named(name).name for name in PROFILES] == list(PROFILES)


@libraries
@pytest.mark.parametrize("profile", ["none-modern", "none-legacy"])
async def test_tokens_expire_and_are_renewed(dev_world: DevWorld, profile: str, library: Library) -> None:
    dev_world.serve(create_app(dev_world))
    async with (
        dev_world.client("alice", profile, library=library) as alice,
        dev_world.client("bob", profile, library=library) as bob,
    ):
        assert (await alice.call("whoami")).data == "alice"
        dev_world.expire("tokens", user="alice")
        for refused in (await alice.call("whoami"), await alice.tools()):
            assert (refused.status, refused.is_error) == (401, True)
            assert 'error="invalid_token"' in refused.challenge
        assert (await bob.call("whoami")).data == "bob"
        dev_world.renew()
        assert (await alice.call("whoami")).data == "alice"
        assert (await alice.tools()).data == ["list_repos", "read_wiki", "whoami"]


@libraries
@pytest.mark.parametrize("profile", ["none-modern", "none-legacy"])
async def test_a_client_that_is_refused_from_the_start_gets_in_later(
    dev_world: DevWorld, profile: str, library: Library
) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice", profile, library=library, expires_in=-3600) as alice:
        assert (await alice.call("whoami")).status == 401
        assert (await alice.tools()).status == 401
        dev_world.renew(user="alice")
        assert (await alice.call("whoami")).data == "alice"


async def test_tokens_whose_key_the_issuer_withdrew_are_refused_once_its_keys_are_fetched_again(
    dev_world: DevWorld, dev_clock: FakeClock
) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice", expires_in=7200) as alice:
        assert (await alice.call("whoami")).data == "alice"
        dev_world.revoke("tokens")
        dev_clock.advance(3600)
        assert (await alice.call("whoami")).status == 401
    with pytest.raises(ConfigurationError):
        dev_world.revoke("tokens", user="alice")


async def test_an_application_knows_its_users_while_the_issuer_is_out_and_a_new_one_does_not(
    dev_world: DevWorld,
) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice") as alice:
        assert (await alice.call("whoami")).data == "alice"
        with dev_world.outage("issuer"):
            assert (await alice.call("whoami")).data == "alice"
            dev_world.serve(create_app(dev_world))
            assert (await alice.call("whoami")).status == 503
        dev_world.serve(create_app(dev_world))
        assert (await alice.call("whoami")).data == "alice"


@pytest.mark.parametrize("part", ["service", "store"])
async def test_a_tool_says_so_while_the_service_or_the_store_is_out(dev_world: DevWorld, part: str) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice") as alice:
        assert (await alice.call("list_repos")).data == REPOS
        with dev_world.outage("service" if part == "service" else "store"):
            answer = await alice.call("list_repos")
            assert answer.is_error
            assert not answer.link
        assert (await alice.call("list_repos")).data == REPOS
        assert len(alice.asked) == 1


@pytest.mark.parametrize("profile", ["url-modern", "url-legacy"])
@pytest.mark.parametrize("does", ["decline", "cancel", "wait"])
async def test_somebody_who_does_not_connect_gets_no_result(dev_world: DevWorld, profile: str, does: WhenAsked) -> None:
    dev_world.serve(create_app(dev_world, patience=Patience(hold_seconds=0.2, rounds=1, asking_seconds=5)))
    async with dev_world.client("alice", profile, when_asked=does) as alice:
        answer = await alice.call("list_repos")
        assert answer.is_error
        assert answer.data is None
        assert [answer.link] == alice.asked


async def test_what_somebody_does_when_asked_can_be_anything(dev_world: DevWorld) -> None:
    seen: list[int] = []

    async def hands_it_to_bob(link: str) -> Reply:
        seen.append((await dev_world.open(link, user="bob")).status)
        return "decline"

    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice", when_asked=hands_it_to_bob) as alice:
        assert (await alice.call("list_repos")).is_error
    assert seen == [403]


@libraries
async def test_a_client_can_sign_in_by_itself(dev_world: DevWorld, library: Library) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("bob", signs_in=True, library=library) as bob:
        assert (await bob.call("whoami")).data == "bob"
        # One browser: who is known at the issuer need not sign in again to connect.
        assert (await bob.call("list_repos")).data == ["compiler", "garden"]
    # The MCP client, and the application for its own pages.
    assert dev_world.issuer.requests.count("register") == 2


async def test_a_form_is_filled_in_by_its_user(dev_world: DevWorld) -> None:
    dev_world.serve(create_app(dev_world))
    async with dev_world.client("alice", "form-modern") as alice:
        link = (await alice.call("read_wiki")).link
        assert "Connect" in (await alice.open(link)).title
        await alice.connect(link, pat="typed")
        assert (await alice.call("read_wiki")).data == {"length": 5}
    async with dev_world.client("bob", "form-modern") as bob:
        link = (await bob.call("read_wiki")).link
        await dev_world.connect(link, user="bob", pat="longer")
        assert (await bob.call("read_wiki")).data == {"length": 6}


async def test_a_world_without_fixtures_brings_its_own_servers() -> None:
    with DevWorld(stands_in_for="gitlab") as world:
        world.serve(create_app(world))
        async with world.client("alice") as alice, world.browser() as robot:
            assert (await alice.call("whoami")).data == "alice"
            assert (await robot.open(f"{world.base_url}/connections")).url.startswith(world.issuer.issuer_url)
        assert world.environment["GITLAB_CLIENT_ID"] == world.service.client_id
        assert world.preset().name == "gitlab"


def test_an_application_that_does_not_start_leaves_nothing_behind(dev_world: DevWorld) -> None:
    async def broken(_scope: object, _receive: object, _send: object) -> None:
        raise ConfigurationError("It is put together wrongly.")

    with pytest.raises(RuntimeError):
        dev_world.serve(broken)


async def test_a_store_that_is_out_fails_in_everything_and_has_kept_what_it_held() -> None:
    store = DevStore()
    await store.put("k", "v", ttl_seconds=60)

    async def listed() -> list[str]:
        return [key async for key in store.list_keys()]

    with store.outage():
        assert store.is_out
        for act in (
            lambda: store.get("k"),
            lambda: store.put("k", "w", ttl_seconds=60),
            lambda: store.add("k", "w", ttl_seconds=60),
            lambda: store.take("k"),
            lambda: store.delete("k"),
            lambda: store.put_if("k", "w", seen="v", ttl_seconds=60),
            lambda: store.delete_if("k", seen="v"),
            store.check_access,
            listed,
        ):
            with pytest.raises(ConnectionRefusedError):
                await act()
    await store.check_access()
    assert (await store.get("k"), await listed()) == ("v", ["k"])
    assert await store.put_if("k", "w", seen="v", ttl_seconds=60)
    assert await store.delete_if("k", seen="w")
