"""Trying at a service whether a key that a user typed works.

The request carries the user's secret to an address the user may have had a say in, from a machine that reaches more
than the user does. So it goes to https hosts with public names and to their usual port only, unless the developer named
the host, and never follows a redirect. A name that its owner lets lead to an inner address passes: where that matters,
list the hosts, or let the application's network refuse such connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mcpauthkit.connections.credential import Account
from mcpauthkit.connections.form import Checked
from mcpauthkit.connections.key_service import Detour, KeyService, Proof
from mcpauthkit.connections.refusals import Verdict, judge
from mcpauthkit.connections.typed_url import Reach
from mcpauthkit.core.encoding import parse_json
from mcpauthkit.errors import CredentialsRejected, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.json_paths import text_at, text_of, values_at, words_of
from mcpauthkit.oauth.messages import MAX_DOCUMENT_BYTES, HttpRequest, HttpResponse

_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_OFFSET = re.compile(r" (?:(UTC|Z)|([+-]\d\d):?(\d\d))\Z")


class KeyCheck:
    """Tries typed values at their service; a validator for forms.

    Args:
        service: The service.
        fetch: The fetch port. It must not follow redirects: they would take the key along.
        allowed_hosts: The only hosts that users may name, inner ones included, with a port if it is not 443; without
            any, every public name.

    Raises:
        ConfigurationError: One of the hosts is none.
    """

    def __init__(self, service: KeyService, fetch: Fetch, *, allowed_hosts: tuple[str, ...] = ()) -> None:
        self._service = service
        self._fetch = fetch
        self._reach = Reach(allowed_hosts)

    async def __call__(self, values: Mapping[str, str]) -> Checked:
        """What the service says about the values.

        Args:
            values: What the user typed, by name of the field.

        Raises:
            CredentialsRejected: They do not work, or lead where no secret is sent.
            RemoteUnavailable: The service did not say; nothing is known about them.
        """
        self.check(values)
        response = await self._ask(self._service.check_url, values)
        detour, verdict = self._service.detour, self._verdict(response)
        if detour is not None and verdict is not None and (verdict.meaning == "dead" or verdict.is_told):
            found = await self._look_up(detour, values)
            if found:
                response = await self._ask(detour.check_url, {**values, detour.variable: found})
                return self._read(response, tenant=found)
        return self._read(response)

    def check(self, values: Mapping[str, str]) -> None:
        """Refuse what must not even be tried.

        Args:
            values: As for a call.

        Raises:
            CredentialsRejected: A value cannot be right, or leads where no secret is sent.
        """
        for one in self._service.fields:
            value = values.get(one.name, "")
            # Whoever calls us need not have gone through a form. Where addresses may lead is decided by their reach.
            problem = one.problem(value, on_loopback=True)
            if problem is None and one.kind == "url" and value:
                problem = self._reach.problem(one.label, value)
            if problem is not None:
                raise CredentialsRejected(problem, field=one.name, reason="typed value refused")

    async def _ask(self, template: str, values: Mapping[str, str]) -> HttpResponse:
        service = self._service
        headers = {"accept": "application/json"}
        headers |= {name.lower(): value for name, value in service.headers_for(values).items()}
        request = HttpRequest(service.method, service.url_for(template, values), headers=headers, json=service.json)
        try:
            return await self._fetch(request)
        except RemoteMisbehaved as error:
            # A redirect, nearly always to a page where people sign in.
            raise self._no_api(error.reason) from None

    async def _look_up(self, detour: Detour, values: Mapping[str, str]) -> str:
        request = HttpRequest("GET", self._service.url_for(detour.lookup_url, values))
        try:
            response = await self._fetch(request)
        except RemoteMisbehaved:
            return ""
        if response.is_transient_failure:
            raise RemoteUnavailable(reason=f"{self._service.name}: lookup HTTP {response.status}")
        found = text_at(_json(response), detour.path)
        return found if response.status == _OK and _ID.match(found) else ""

    def _verdict(self, response: HttpResponse) -> Verdict | None:
        return judge(self._service.refusals, status=response.status, headers=response.headers, body=response.body)

    def _read(self, response: HttpResponse, *, tenant: str = "") -> Checked:
        service, body = self._service, _json(response)
        if response.is_transient_failure or _is_throttled(response):
            raise RemoteUnavailable(reason=f"{service.name}: HTTP {response.status}")
        verdict = self._verdict(response)
        if verdict is not None and verdict.meaning == "dead":
            raise self._refused(f"HTTP {response.status}")
        if response.status == _NOT_FOUND or (body is None and verdict is None) or _is_page(response):
            raise self._no_api(f"HTTP {response.status}")
        if verdict is not None:
            account = Account(tenant=tenant) if tenant else None
            return Checked(account=account, scopes=frozenset(_found(service.scopes, response, body)))
        if response.status != _OK:
            raise RemoteUnavailable(reason=f"{service.name}: HTTP {response.status} says nothing about the key")
        if service.proof is not None and not _is_proven(service.proof, body):
            raise self._refused("HTTP 200 without proof")
        account = None if service.account is None else service.account.read(body)
        if service.account is not None and (account is None or not account.id):
            raise RemoteUnavailable(reason=f"{service.name}: HTTP 200 without an account")
        return Checked(
            account=replace(account or Account(), tenant=tenant) if tenant else account,
            expires_at=next((at for one in _texts(service.expires, response, body) if (at := _moment(one))), None),
            scopes=frozenset(_found(service.scopes, response, body)),
        )

    def _refused(self, why: str) -> CredentialsRejected:
        service = self._service
        label = next((one.label for one in service.fields if one.name == service.key_field), "this")
        return CredentialsRejected(
            f"{service.display_name} does not accept {label}. "
            "Check that it was copied completely, has not expired and was not withdrawn.",
            field=service.key_field,
            reason=f"{service.name}: {why}",
        )

    def _no_api(self, why: str) -> CredentialsRejected | RemoteUnavailable:
        service = self._service
        asked = next((one for one in service.fields if one.name == service.address_field), None)
        reason = f"{service.name}: {why}, not its API"
        if asked is None:
            return RemoteUnavailable(reason=reason)
        text = f"There is no {service.display_name} to be found with this. Check {asked.label}."
        return CredentialsRejected(text, field=asked.name, reason=reason)


def _is_proven(proof: Proof, body: Any) -> bool:
    found = [one for one in values_at(body, proof.path) if one not in (None, False, "")]
    wanted = {one.casefold() for one in proof.values}
    return any(text_of(one).casefold() in wanted for one in found) if wanted else bool(found)


def _is_throttled(response: HttpResponse) -> bool:
    # GitHub and others say 403 to whoever asks too often, with a good key as well.
    is_limit = "retry-after" in response.headers or response.headers.get("x-ratelimit-remaining") == "0"
    return response.status == _FORBIDDEN and is_limit


def _json(response: HttpResponse) -> Any:
    try:
        return parse_json(response.body, max_bytes=MAX_DOCUMENT_BYTES)
    except ValueError:
        return None


def _is_page(response: HttpResponse) -> bool:
    return "html" in response.headers.get("content-type", "").lower()


def _texts(where: str, response: HttpResponse, body: Any) -> Iterator[Any]:
    if where.startswith("header:"):
        yield response.headers.get(where.removeprefix("header:").lower())
    elif where:
        yield from values_at(body, where)


def _found(where: str, response: HttpResponse, body: Any) -> Iterator[str]:
    for one in _texts(where, response, body):
        yield from words_of(one) or ()


def _moment(text: Any) -> float | None:
    """A wall time in seconds for a date as services write them; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    tidy = _OFFSET.sub(lambda one: "+00:00" if one[1] else f"{one[2]}:{one[3]}", text.strip())
    try:
        found = datetime.fromisoformat(tidy)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
