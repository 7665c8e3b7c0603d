"""What a newcomer pastes works, in the short form and in the long one."""

from __future__ import annotations

import pytest

from tests.docs.both_legs import both_legs
from tests.docs.snippets import snippets_on


@pytest.mark.parametrize("page", ["docs/start.md", "docs/two-legs.md"])
async def test_the_application_of_a_page_serves_both_legs(page: str) -> None:
    await both_legs(snippets_on(page, "python"))
