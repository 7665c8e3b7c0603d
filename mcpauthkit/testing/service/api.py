"""The service's API: who am I, and what are my repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from mcpauthkit.testing.service.dialects import dead_token, narrow_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.service.context import ServiceContext
    from mcpauthkit.testing.service.grants import AccountGrant

REPO_SCOPE = "repo"


class ServiceApi:
    """`/api/user` and `/api/repos`, for bearer tokens of this service."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    async def user(self, request: Request) -> Response:
        """The account that the token belongs to."""
        grant = self._grant(request)
        if grant is None:
            return dead_token(self._context.settings.error_style)
        account = self._context.account_of(grant.login)
        return JSONResponse({"login": account.login, "name": account.name, "email": account.email})

    async def repos(self, request: Request) -> Response:
        """The account's repositories; needs the scope `repo`."""
        grant = self._grant(request)
        if grant is None:
            return dead_token(self._context.settings.error_style)
        if REPO_SCOPE not in grant.scopes:
            return narrow_token(self._context.settings.error_style, REPO_SCOPE)
        account = self._context.account_of(grant.login)
        return JSONResponse([_repo(account.login, name) for name in account.repos])

    def _grant(self, request: Request) -> AccountGrant | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        # GitHub's own older spelling `token` works there too.
        return self._context.grants.grant_of(token) if scheme.lower() in {"bearer", "token"} else None


def _repo(login: str, name: str) -> dict[str, object]:
    return {"name": name, "full_name": f"{login}/{name}", "private": name != "hello-world"}
