"""What people read when what they typed is not taken: short, about the service, what to do, and nothing they typed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from mcpauthkit import CredentialsProvider, Field, Patience
from mcpauthkit.errors import CredentialsRejected, RemoteUnavailable
from mcpauthkit.services import KeyService
from mcpauthkit.testing import BrowserRobot, Page, sign_in
from tests.flows.canaries import ECHO, traces_of
from tests.flows.test_ladder import eras, link_in, text_of
from tests.flows.test_texts import JARGON, LONGEST, NEXT_STEP
from tests.wiki_world import BAD, GOOD, SEND, TYPED, Wiki, wiki_world
from tests.world import RING, Era, World, world

SECRET = "typed-canary-4f7d1c9a60"
ON_A_FORM = re.compile(
    r"Fill |Check |Choose |Copy |Make a new one|Try again|is not a date like|that begins? with https://"
)


def alert_of(page: Page) -> str:
    """The summary of what is wrong, as it is read aloud."""
    [told] = re.findall(r'role="alert">(.*?)</div>', page.html, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", told)).split())


def check(page: Page, service: str, *secrets: str) -> None:
    """Whether a rejected form is fit to be read."""
    told = alert_of(page)
    assert page.title == f"Problem: Connect {service}"
    assert f"Connect {service}" in page.text
    assert 0 < len(told) <= LONGEST, told
    assert ON_A_FORM.search(told), told
    assert not JARGON.search(told), told
    for secret in (*secrets, ECHO):
        assert not traces_of(secret, page.html), told


REFUSALS: dict[str, tuple[Mapping[str, str], BaseException | None]] = {
    "nothing typed": (dict.fromkeys(TYPED, ""), None),
    "no address": ({**TYPED, "base_url": "javascript:alert", "pat": SECRET}, None),
    "an address inside": ({**TYPED, "base_url": "http://wiki.example.com", "pat": SECRET}, None),
    "unseen characters": ({**TYPED, "pat": f"{SECRET}\x07{SECRET}"}, None),
    "a value that ends": ({**TYPED, "expires_on": "2020-01-01"}, None),
    "a validator without words": ({**TYPED, "pat": SECRET}, CredentialsRejected(field="pat")),
    "a validator that quotes": ({**TYPED, "pat": SECRET}, CredentialsRejected(f"No {SECRET}.", field="pat")),
    "an outage": ({**TYPED, "pat": SECRET}, RemoteUnavailable(f"HTTP 503 {ECHO}", reason="down")),
    "a crash": ({**TYPED, "pat": SECRET}, ValueError(SECRET)),
}


@pytest.fixture(scope="module", name="wiki")
def _wiki() -> Iterator[Wiki]:
    with wiki_world(asks_expiry=True) as (wiki, _):
        yield wiki


@pytest.mark.parametrize("kind", list(REFUSALS))
async def test_a_form_that_is_not_taken_says_what_to_do_and_repeats_no_secret(wiki: Wiki, kind: str) -> None:
    typed, wiki.fails_with = REFUSALS[kind]
    async with wiki.form() as (robot, page):
        check(await robot.submit(page, typed, button=SEND), "Wiki", SECRET, GOOD)


@eras
async def test_a_caller_whose_form_is_not_taken_hears_of_the_service_and_the_next_step(era: Era) -> None:
    with wiki_world(patience=Patience(hold_seconds=2, rounds=1, asking_seconds=5)) as (wiki, _):
        wrong = wiki.person({**TYPED, "pat": BAD}, {"pat": SECRET})
        async with wiki.here.client(era, human=wrong) as client:
            is_error, text = await text_of(client, "read_wiki")
        assert is_error
        assert wiki.tried
        for told in (text, wiki.here.questions[0]):
            bare = re.sub(rf"{re.escape(wiki.here.base)}\S*", "", told)
            assert len(bare) <= LONGEST
            assert "Wiki" in bare
            assert NEXT_STEP.search(bare)
            assert not JARGON.search(bare.replace("read_wiki", ""))
            assert not any(traces_of(one, told) for one in (BAD, SECRET))


ANSWERS: dict[str, dict[str, Any]] = {
    "wrong": {"status": 401, "body": json.dumps({"message": ECHO})},
    "another address": {"status": 404, "body": ECHO},
    "a page": {"status": 200, "body": f"<h1>{ECHO}</h1>", "headers": {"content-type": "text/html"}},
    "elsewhere": {"status": 302, "headers": {"location": f"https://login.example/{ECHO}"}},
    "too often": {"status": 429, "body": ECHO},
    "an outage": {"status": 503, "body": f"<h1>{ECHO}</h1>"},
}


@contextmanager
def keys_world() -> Iterator[World]:
    """A service whose keys the kit itself tries."""
    with world() as here:
        service = KeyService(
            name="keys",
            display_name="Forge",
            fields=(Field(name="address", kind="url"), Field(name="token", kind="password")),
            check_url="{address}/user",
            sent={"Authorization": "Bearer {token}"},
            key_field="token",
            address_field="address",
        )
        provider = CredentialsProvider(
            name="keys",
            server_base_url=here.base,
            service=service,
            allowed_hosts=(urlsplit(here.service.api_url).netloc,),
            store=here.store,
            key_ring=RING,
        )

        @here.mcp.tool()
        @provider.require_credentials()
        async def use_key() -> str:
            """Use it."""
            return "never"

        provider.register(here.app, here.mcp)
        yield here


@pytest.fixture(scope="module", name="keys")
def _keys() -> Iterator[World]:
    with keys_world() as here:
        yield here


@pytest.mark.parametrize("kind", list(ANSWERS))
async def test_a_key_that_its_service_does_not_take_is_told_in_the_same_way(keys: World, kind: str) -> None:
    async with keys.client() as client:
        link = link_in((await text_of(client, "use_key"))[1])
    keys.service.faults.respond("user", **ANSWERS[kind])
    async with BrowserRobot() as robot:
        page = await sign_in(robot, await robot.open(link), user="alice")
        page = await robot.submit(page, {"address": keys.service.api_url, "token": SECRET}, button="Connect Forge")
    keys.service.faults.clear()
    check(page, "Forge", SECRET)
