"""The instruments of these tests: what the browser would complain of is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.responses import HTMLResponse

from mcpauthkit.testing import LoopbackServer
from tests.browser.record import Finding, Ugly
from tests.browser.visitor import SCREENS, visiting

_OPENING = '<!doctype html><html lang="en"><title>Page</title><main><h1>Page</h1>'


@pytest.mark.parametrize(
    "body",
    [
        "<p style='color: red'>styled in place</p>",
        "<script>document.title = 'changed'</script>",
        "<img src='https://elsewhere.invalid/pixel.png' alt=''>",
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''>",
    ],
)
async def test_what_the_policy_forbids_is_noticed(body: str, tmp_path: Path) -> None:
    with _serving(_OPENING + body) as server, pytest.raises(Ugly) as caught:
        async with visiting("instruments", SCREENS["phone"], pictures=tmp_path) as visitor:
            await visitor.open(server.base_url)
    assert any("Content Security Policy" in str(one) for one in caught.value.complaints)


async def test_a_page_wider_than_the_screen_is_noticed(tmp_path: Path) -> None:
    with _serving(_OPENING + "<p>" + "w" * 500) as server:
        async with visiting("instruments", SCREENS["phone"], pictures=tmp_path) as visitor:
            await visitor.open(server.base_url)
            with pytest.raises(Ugly):
                await visitor.look("wide", title="Page")


async def test_a_field_without_a_label_is_noticed(tmp_path: Path) -> None:
    with _serving(_OPENING + "<input name='token'>") as server:
        async with visiting("instruments", SCREENS["phone"], pictures=tmp_path) as visitor:
            await visitor.open(server.base_url)
            with pytest.raises(Ugly) as caught:
                await visitor.look("label", title="Page")
    rules = {one.rule for one in caught.value.complaints if isinstance(one, Finding)}
    assert rules == {"label"}


def _serving(html: str) -> LoopbackServer:
    return LoopbackServer(HTMLResponse(html, headers={"content-security-policy": "default-src 'none'"}))
