"""How the service says things, in the words of services that people know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import JSONResponse, Response

from mcpauthkit.testing.wire import NO_STORE, OAuthFailure, failure_response

if TYPE_CHECKING:
    from collections.abc import Mapping

ErrorStyle = Literal["standard", "github", "slack", "figma"]
"""How the service says no.

`standard` is RFC 6749 and 6750. `github` answers errors of the token endpoint with 200 and separates scopes by commas.
`slack` says everything with 200 and an `ok` flag, nests the user's token under `authed_user` when a code is exchanged,
calls the scopes `user_scope` and lets tokens revoke themselves. `figma` answers 403 to dead tokens and names no error
in RFC 6749's words.
"""

_SLACK_WORDS = {"invalid_client": "bad_client_secret"}


def scope_parameter(style: ErrorStyle) -> str:
    """What the scopes of the authorization request are called."""
    return "user_scope" if style == "slack" else "scope"


def token_failure(style: ErrorStyle, failure: OAuthFailure, *, refreshing: bool) -> Response:
    """The token endpoint's refusal."""
    match style:
        case "github":
            return JSONResponse(failure.body(), headers=NO_STORE)
        case "slack":
            gone = "invalid_refresh_token" if refreshing else "invalid_code"
            word = gone if failure.error == "invalid_grant" else _SLACK_WORDS.get(failure.error, failure.error)
            return JSONResponse({"ok": False, "error": word}, headers=NO_STORE)
        case "figma":
            body = {"status": failure.status, "message": failure.description}
            return JSONResponse(body, status_code=failure.status, headers=NO_STORE)
        case "standard":
            return failure_response(failure)


def token_answer(style: ErrorStyle, body: Mapping[str, Any], *, login: str, by_code: bool) -> dict[str, Any]:
    """The token endpoint's answer."""
    match style:
        case "github":
            return {**body, "scope": body["scope"].replace(" ", ",")}
        case "slack":
            user = {**body, "scope": body["scope"].replace(" ", ","), "token_type": "user"}
            team = {"team": {"id": "T-DEV", "name": "Development"}}
            return {"ok": True, "authed_user": {"id": login, **user}, **team} if by_code else {"ok": True, **user}
        case "standard" | "figma":
            return dict(body)


def dead_token(style: ErrorStyle) -> JSONResponse:
    """The API's answer to a token that is no good."""
    match style:
        case "slack":
            return JSONResponse({"ok": False, "error": "token_revoked"})
        case "figma":
            return JSONResponse({"status": 403, "err": "Invalid token"}, status_code=403)
        case "standard" | "github":
            return JSONResponse({"message": "Bad credentials"}, status_code=401)


def narrow_token(style: ErrorStyle, needed: str) -> JSONResponse:
    """The API's answer to a token that lacks a scope, which it names."""
    match style:
        case "slack":
            return JSONResponse({"ok": False, "error": "missing_scope", "needed": needed})
        case "figma":
            return JSONResponse({"status": 403, "err": "Invalid scope"}, status_code=403)
        case "github":
            return _forbidden({"x-accepted-oauth-scopes": needed})
        case "standard":
            return _forbidden({"www-authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'})


def _forbidden(headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse({"message": "Resource not accessible by this token"}, status_code=403, headers=headers)
