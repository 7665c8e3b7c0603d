"""Asking a service whose account a token belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.preset import UNAUTHORIZED, AccountPaths, ServicePreset, WhoAmI
from mcpauthkit.connections.refusals import judge
from mcpauthkit.connections.variables import url_for
from mcpauthkit.core.encoding import parse_json
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.introspection import introspection_request, process_introspection
from mcpauthkit.oauth.messages import MAX_DOCUMENT_BYTES, HttpRequest, HttpResponse
from mcpauthkit.oauth.revocation import bearer_request
from mcpauthkit.oauth.token import OAuthClient

_log = RequestLog("connections")
_HTTP_OK = 200


class Whose:
    """Asks one service whose account a token belongs to, in as many ways as it takes.

    Args:
        preset: The service, with its variables in place.
        client: Our client there.
        fetch: The fetch port.
    """

    def __init__(self, preset: ServicePreset, client: OAuthClient, *, fetch: Fetch) -> None:
        self._preset = preset
        self._client = client
        self._fetch = fetch

    async def account(self, credential: Credential) -> Account:
        """Whose it is, as far as that can be found out; what is known already is the service's word, and stays."""
        told = credential.account
        trouble: RemoteError | None = None
        for whoami, url in self._ways(credential):
            if _adds(whoami.account, told):
                try:
                    told = _joined(told, await self._found(whoami, url, credential))
                except RemoteError as error:
                    trouble = error
        if trouble is not None and not told.label:
            _log.warning("account unknown service=%s %s", self._preset.name, trouble.for_log())
        return told

    async def is_taken(self, credential: Credential) -> bool | None:
        """Whether the service takes it; None where it cannot be asked or does not say.

        Raises:
            RemoteError: It cannot answer now, or what it answers is none.
        """
        for whoami, url in self._ways(credential):
            response = await self._fetch(self._request(whoami, url, credential))
            verdict = self._is_good(whoami, response)
            if verdict is not None:
                return verdict
        return None

    def _ways(self, credential: Credential) -> Iterator[tuple[WhoAmI, str]]:
        whoami = self._preset.whoami
        while whoami is not None:
            url = url_for(self._preset, whoami.url, credential.details)
            if url is not None:
                yield whoami, url
            whoami = whoami.further

    def _request(self, whoami: WhoAmI, url: str, credential: Credential) -> HttpRequest:
        if whoami.style == "introspection":
            return introspection_request(url, self._client, credential.access_token)
        return bearer_request(
            url, token=credential.access_token, method=whoami.method, headers=whoami.headers, json=whoami.json
        )

    async def _found(self, whoami: WhoAmI, url: str, credential: Credential) -> Account:
        response = await self._fetch(self._request(whoami, url, credential))
        answer = _document(response)
        found = whoami.account.read_part(answer) if response.status == _HTTP_OK else Account()
        if found == Account():
            raise RemoteMisbehaved(reason=f"HTTP {response.status} and no account")
        return found

    def _is_good(self, whoami: WhoAmI, response: HttpResponse) -> bool | None:
        if whoami.style == "introspection":
            # A refusal here is about our client, and says nothing of the token.
            return process_introspection(response) is not None
        refusals = (*self._preset.refusals, UNAUTHORIZED)
        verdict = judge(refusals, status=response.status, headers=response.headers, body=response.body)
        if verdict is not None:
            # What it calls too narrow, it knows.
            return verdict.meaning == "narrow"
        if response.status != _HTTP_OK:
            return None
        # Some services answer strangers as well, and name nobody then.
        return True if whoami.account.read(_document(response)) else None


def _document(response: HttpResponse) -> Any:
    if response.is_transient_failure:
        raise RemoteUnavailable(reason=f"account: HTTP {response.status}")
    try:
        return parse_json(response.body, max_bytes=MAX_DOCUMENT_BYTES)
    except ValueError as error:
        raise RemoteMisbehaved(reason=f"account: {error}") from error


def _adds(paths: AccountPaths, told: Account) -> bool:
    return bool((paths.id and not told.id) or (paths.label and not told.label) or (paths.tenant and not told.tenant))


def _joined(told: Account, found: Account) -> Account:
    return Account(told.id or found.id, told.label or found.label, told.tenant or found.tenant)
