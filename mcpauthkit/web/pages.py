"""Our pages: every one readable on a phone, without any script, and with the headers that keep it private."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources
from typing import Any, Literal

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuditUnavailable, StoreUnavailable
from mcpauthkit.web.connect_view import ConnectView, FormView
from mcpauthkit.web.connections_view import Notice, Problem, ServiceView
from mcpauthkit.web.spans import hide_query

Endpoint = Callable[[Request], Awaitable[Response]]

_log = RequestLog("web")
_SEE_OTHER = 303

PRIVATE_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""What every answer of ours carries: links and codes stay out of caches and of other sites' logs."""


class Answered(Exception):  # no error: the answer, found before the end of an endpoint
    """Ends an endpoint of ours early.

    Args:
        response: What to answer.
    """

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Pages:
    """Renders pages. The only style is inline and allowed by its hash; nothing comes from elsewhere."""

    def __init__(self) -> None:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # leg 1 alone has no pages

        self._environment = Environment(
            loader=PackageLoader("mcpauthkit.web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = resources.files("mcpauthkit.web").joinpath("templates", "style.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
        # The file is ours, not a visitor's: it goes in as it is, which is what the hash was taken of.
        self._environment.globals["style"] = Markup(style)  # noqa: S704
        self._headers = {
            **PRIVATE_HEADERS,
            "content-security-policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
                "frame-ancestors 'none'; base-uri 'none'"
            ),
            "x-frame-options": "DENY",
        }

    def connect(self, view: ConnectView, *, start_url: str, notice: str = "", status: int = 200) -> HTMLResponse:
        """The page that asks whether to connect a service."""
        return self._render(
            "connect.html", status, heading=f"Connect {view.service}", view=view, start_url=start_url, notice=notice
        )

    def form(self, view: ConnectView, form: FormView, *, guide: Markup, status: int = 200) -> HTMLResponse:
        """The page that asks for what connects a service.

        Args:
            view: What it says.
            form: What it asks.
            guide: How to get that, as HTML that has been cleaned.
            status: The HTTP status.
        """
        return self._render("form.html", status, heading=f"Connect {view.service}", view=view, form=form, guide=guide)

    def consent(
        self,
        *,
        client: str,
        vouched_by: str,
        destination: str,
        redirect_uri: str,
        caution: str,
        resource: str,
        resource_name: str | None,
        scopes: Sequence[str],
        approve_url: str,
        decline_url: str,
    ) -> HTMLResponse:
        """The page that asks whether a client may sign in."""
        return self._render(
            "consent.html",
            200,
            # What a program calls itself is no headline of ours.
            heading=f"Let {client} sign in?" if vouched_by else "Let a program sign in?",
            client=client,
            vouched_by=vouched_by,
            destination=destination,
            redirect_uri=redirect_uri,
            caution=caution,
            resource=resource,
            resource_name=resource_name or "this server",
            scopes=scopes,
            approve_url=approve_url,
            decline_url=decline_url,
        )

    def connections(
        self,
        *,
        user: str,
        services: Sequence[ServiceView],
        base_url: str,
        tokens: Mapping[str, str],
        notice: Notice | None = None,
        problem: Problem | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """The page of all connections of a user."""
        return self._render(
            "connections.html",
            status,
            heading="Your connections",
            user=user,
            services=services,
            base_url=base_url,
            tokens=tokens,
            notice=notice,
            problem=problem,
        )

    def message(
        self,
        heading: str,
        *lines: str,
        status: int = 200,
        tone: Literal["good", "bad", ""] = "",
        action: str = "",
        action_url: str = "",
    ) -> HTMLResponse:
        """A page that says something, with at most one thing to do."""
        return self._render(
            "message.html", status, heading=heading, lines=lines, tone=tone, action=action, action_url=action_url
        )

    def edge(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint of ours that answers with a page whatever happens: private headers, no trace of the cause.

        Its query stays out of the request's span, and an `Answered` ends it early.
        """

        async def guarded(request: Request) -> Response:
            hide_query(request.url.path)
            try:
                return await endpoint(request)
            except Answered as early:
                return early.response
            except StoreUnavailable:
                return self.message(
                    "Please try again in a moment",
                    "This server cannot reach its storage just now. Nothing was changed.",
                    status=503,
                    tone="bad",
                )
            except AuditUnavailable as error:
                _log.error("page refused path=%s %s", request.url.path, error.for_log())
                return self.message("Please try again in a moment", error.public, status=503, tone="bad")
            except Exception:  # noqa: BLE001  # the browser edge, failing closed
                # A bare 500 would carry none of our headers, and the page must not say why.
                _log.exception("page failed path=%s", request.url.path)
                return self.message(
                    "Something went wrong here", "The operator finds the cause in the log.", status=500, tone="bad"
                )

        return guarded

    def _render(self, template: str, status: int, **values: Any) -> HTMLResponse:
        html = self._environment.get_template(template).render(values)
        return HTMLResponse(html, status_code=status, headers=self._headers)


def redirect(url: str) -> RedirectResponse:
    """Send the browser elsewhere from a GET, leaving no trace of this address."""
    return RedirectResponse(url, status_code=_SEE_OTHER, headers=dict(PRIVATE_HEADERS))
