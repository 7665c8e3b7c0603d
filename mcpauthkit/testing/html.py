"""The look of the development servers' pages: one layout, small and accessible, readable in light and dark."""

from __future__ import annotations

from typing import Any

import jinja2
from starlette.responses import HTMLResponse

_LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 26rem; margin: 10vh auto; padding: 0 1rem; }
fieldset { border: 1px solid; border-radius: .5rem; margin: 0 0 1rem; padding: .5rem 1rem; }
label { display: block; padding: .35rem 0; }
button { font: inherit; padding: .5rem 1rem; border-radius: .4rem; border: 1px solid; cursor: pointer; }
.note { opacity: .8; font-size: .9rem; }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% block body %}{% endblock %}
</main>
</body>
</html>
"""

_MESSAGE = """{% extends "layout" %}{% block body %}<p role="alert">{{ text }}</p>{% endblock %}"""

# No `form-action`: Chromium applies it to the redirect that answers a form, and ours leads to the client.
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Pages:
    """Renders the pages of one server.

    Args:
        templates: The server's own templates by name; they extend `layout` and fill its `body` block.
    """

    def __init__(self, **templates: str) -> None:
        loader = jinja2.DictLoader({"layout": _LAYOUT, "message": _MESSAGE, **templates})
        self._environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)

    def render(self, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page from a template; every template needs a `title`."""
        html = self._environment.get_template(name).render(**values)
        return HTMLResponse(html, status_code=status, headers=_HEADERS)

    def message(self, title: str, text: str, *, status: int = 200) -> HTMLResponse:
        """A page that says one thing and offers nothing to do."""
        return self.render("message", status=status, title=title, text=text)
