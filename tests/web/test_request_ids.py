"""X-Request-ID: taken, made, echoed, and on every line of the log."""

from __future__ import annotations

import logging

import pytest

from mcpauthkit import get_request_id
from tests.web.door import door


async def test_an_id_that_came_is_echoed_and_known_to_the_application() -> None:
    async with door(open_paths=["/health"]) as here:
        for token, path in ((here.token(), "/mcp"), (None, "/health"), (None, "/mcp")):
            answer = await here.get(token, path, **{"x-request-id": "trace-7:a/b"})
            assert answer.headers.get_list("x-request-id") == ["trace-7:a/b"]


async def test_without_one_each_request_gets_its_own() -> None:
    async with door() as here:
        ids = {(await here.get(here.token())).headers["x-request-id"] for _ in range(5)}
        assert len(ids) == 5
        assert all(len(one) >= 16 for one in ids)


@pytest.mark.parametrize("strange", ["", " ", "a b", "a\tb", "x" * 129, "é", "%s%n", 'a"b', "a;b", "<b>", "a\\nb"])
async def test_a_strange_one_is_replaced(strange: str) -> None:
    async with door() as here:
        headers = [(b"authorization", f"Bearer {here.token()}".encode()), (b"x-request-id", strange.encode("latin-1"))]
        given = (await here.http.get("/mcp", headers=headers)).headers["x-request-id"]
        assert given != strange
        assert given.isascii()


async def test_every_line_about_a_request_names_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit")
    async with door() as here:
        await here.get("junk", **{"x-request-id": "needle-1"})
    lines = [one for one in caplog.records if one.name.startswith("mcpauthkit")]
    assert lines
    assert all(one.getMessage().endswith("request_id=needle-1") for one in lines)
    assert {getattr(one, "request_id", None) for one in lines} == {"needle-1"}


async def test_outside_of_a_request_there_is_none() -> None:
    async with door() as here:
        await here.get(here.token())
    assert get_request_id() == ""
