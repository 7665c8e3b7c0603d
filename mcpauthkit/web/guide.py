"""How-to texts of an application, written in Markdown and shown on our pages."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from mcpauthkit.errors import ConfigurationError

_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_LOWEST_HEADING = 6
# The page has a heading of its own, and the guide has one above it.
_HEADINGS_DOWN = 2


def read_guide(path: str | Path) -> str:
    """The Markdown of a file.

    Raises:
        ConfigurationError: It is not there or no UTF-8 text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The guide {str(path)!r} cannot be read: {type(error).__name__}.",
            hint="doc= is the path of a Markdown file in UTF-8; a relative one counts from where the process runs.",
        ) from error


def render_guide(markdown: str) -> Markup:
    """The text as HTML that is safe on our pages: no HTML of its own, no images, no styles, links to https only.

    What it says comes from a file of the application's and is trusted to be true. It is cleaned all the same, because
    such files are often put together from what a service's users wrote.
    """
    import nh3  # noqa: PLC0415  # only few services have a guide
    from markdown_it import MarkdownIt  # noqa: PLC0415  # slow to import

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _HEADINGS_DOWN, _LOWEST_HEADING)}"
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=_TAGS,
        attributes={"a": {"href"}},
        attribute_filter=_only_https,
        url_schemes={"https"},
        link_rel="noreferrer noopener",
        # A new tab: what the user has typed so far stays.
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Markup(html)  # noqa: S704  # cleaned on the line before


def _only_https(_tag: str, attribute: str, value: str) -> str | None:
    # Relative addresses pass the filter of schemes, and would lead to pages of ours.
    return value if attribute != "href" or value.startswith("https://") else None
