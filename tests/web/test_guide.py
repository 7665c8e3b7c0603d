"""Guides: Markdown of the application's, shown without anything that runs, loads or leads astray."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.web.guide import read_guide, render_guide


def test_the_usual_markdown_is_shown_below_the_headings_of_the_page() -> None:
    html = render_guide("# How\n\n1. Open *settings*\n2. Press `New`\n\n###### deep\n\n|a|\n|-|\n|b|\n")
    for part in ("<h3>How</h3>", "<ol>", "<em>settings</em>", "<code>New</code>", "<h6>deep</h6>", "<td>b</td>"):
        assert part in html


def test_links_lead_to_https_only_in_a_new_tab_that_knows_nothing_of_ours() -> None:
    html = render_guide("[a](https://a.example) [b](http://b) [c](/c) [d](//d) [e](javascript:x) [f](data:text/html,x)")
    assert html.count("href=") == 1
    assert '<a href="https://a.example" target="_blank" rel="noreferrer noopener">a</a>' in html


@given(
    st.lists(
        st.sampled_from(
            [
                "<script>",
                "<img src=x onerror=y>",
                "![i](https://x/y)",
                "<b style='x' id='csrf'>",
                "<iframe>",
                "`",
                "[a]",
            ]
        )
        | st.text(max_size=10),
        max_size=12,
    )
)
def test_no_html_of_its_own_gets_through(parts: list[str]) -> None:
    tags = re.findall(r"<[^>]*>", render_guide("".join(parts)).lower())
    assert [one for one in tags if re.search(r"^</?(script|img|iframe|b)\b| (id|style|on\w+|src)=", one)] == []


def test_a_file_that_cannot_be_read_is_told_at_construction(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("# Grüße", encoding="utf-8")
    (tmp_path / "latin.md").write_bytes("Grüße".encode("latin-1"))
    assert read_guide(tmp_path / "good.md") == "# Grüße"
    for name in ("latin.md", "absent.md", "."):
        with pytest.raises(ConfigurationError) as caught:
            read_guide(str(tmp_path / name))
        assert "doc=" in caught.value.hint
