"""Putting values into the addresses of a preset, without letting a value change where an address leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

from mcpauthkit.connections.hosts import check_hosts, is_among
from mcpauthkit.connections.preset import ServicePreset, WhoAmI
from mcpauthkit.core.urls import check_base_url, is_trustworthy_url
from mcpauthkit.errors import ConfigurationError, RemoteMisbehaved

_VARIABLE = re.compile(r"\{(\w+)\}")
# Host names, tenants and ids: nothing here ends a host, starts a path or climbs one.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,252}(?<!\.)(?::[0-9]{1,5})?\Z")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_CLIENT_ID = "client_id"
_URLS = ("authorize_url", "token_url", "refresh_url", "api_url", "settings_url")


def resolved(preset: ServicePreset, variables: Mapping[str, str] | None = None) -> ServicePreset:
    """The preset with its variables in place, except for those that the service itself will tell.

    Args:
        preset: The preset.
        variables: Values by name. One whose name ends in `url` is an https address of yours, with a path perhaps; every
            other one is a host or an id.

    Raises:
        ConfigurationError: A value is missing, unknown, or would lead somewhere else.
    """
    values = _checked(preset, dict(variables or {}))
    for name in ("authorize_url", "token_url"):
        if not getattr(preset, name):
            raise ConfigurationError(f"{name} is empty.", hint="Give the address from the service's documentation.")

    def filled(template: str) -> str:
        return _VARIABLE.sub(lambda one: values.get(one[1], one[0]), template)

    made = replace(
        preset,
        authorize_url=filled(preset.authorize_url),
        token_url=filled(preset.token_url),
        refresh_url=filled(preset.refresh_url),
        api_url=filled(preset.api_url),
        settings_url=filled(preset.settings_url),
        variables={**preset.variables, **values},
        api_hosts=check_hosts(preset.api_hosts, "api_hosts"),
        told_hosts=check_hosts(preset.told_hosts, "told_hosts"),
        issuer=None if preset.issuer is None else filled(preset.issuer),
        revocation=preset.revocation and replace(preset.revocation, url=filled(preset.revocation.url)),
        whoami=preset.whoami and _whoami(preset.whoami, filled),
    )
    _check_urls(made)
    return made


def _whoami(one: WhoAmI, filled: Callable[[str], str]) -> WhoAmI:
    return replace(one, url=filled(one.url), further=one.further and _whoami(one.further, filled))


def with_client_id(url: str, client_id: str) -> str:
    """An address with our client's id as one segment of its path."""
    return url.replace(f"{{{_CLIENT_ID}}}", quote(client_id, safe=""))


def url_for(preset: ServicePreset, template: str, details: Mapping[str, str], *, tenant: str = "") -> str | None:
    """An address of the preset for one user; None when it needs what their service has not told.

    Args:
        preset: The preset, resolved.
        template: One of its addresses.
        details: What came with the user's credential.
        tenant: The tenant of the user's account.

    Raises:
        RemoteMisbehaved: The service named a host that is none of its own, and would have the credential there.
    """
    names = _VARIABLE.findall(template)
    known = {**preset.variables, **{name: value for name, value in details.items() if value}}
    if preset.tenant_variable:
        known[preset.tenant_variable] = tenant
    values = {name: known.get(name, "") for name in names}
    if not template or not all(values.values()):
        return None
    for name, value in values.items():
        if name == preset.tenant_variable:
            # One segment of the path: who names a tenant does not choose what is done there.
            is_fine = _SEGMENT.match(value) is not None
        else:
            is_fine = _is_own_host(value, preset.told_hosts)
        if not is_fine:
            raise RemoteMisbehaved(
                hint="Add the host to told_hosts of the preset, if it is the service's.",
                reason=f"{preset.name}: {name}={value!r:.100} is not the service's",
            )
    return _VARIABLE.sub(lambda one: values[one[1]].rstrip("/"), template)


def api_url_for(preset: ServicePreset, details: Mapping[str, str], *, tenant: str = "") -> str | None:
    """Where the API is for one user; None when the preset names no API.

    Args:
        preset: The preset, resolved.
        details: What came with the user's credential.
        tenant: The tenant of the user's account.

    Raises:
        RemoteMisbehaved: As for `url_for`, or the service did not say where.
    """
    url = url_for(preset, preset.api_url, details, tenant=tenant)
    if preset.api_url and url is None:
        # Without an address the credential might go to any; here somebody knows that it must not.
        raise RemoteMisbehaved(
            hint="Where users may have several tenants there, let the tool ask which and give the whole path.",
            reason=f"{preset.name}: the service did not say where its API is",
        )
    return url


def _checked(preset: ServicePreset, given: dict[str, str]) -> dict[str, str]:
    known = set(preset.variables)
    unknown = given.keys() - known
    if unknown:
        raise ConfigurationError(
            f"The preset {preset.name!r} has no variable {', '.join(sorted(unknown))}.",
            hint=f"It has {', '.join(sorted(known))}." if known else "It has none.",
        )
    # What the service tells each user has at most a default here.
    told = preset.tokens.details.keys() - given.keys()
    values = {**preset.variables, **given}
    return {name: _checked_value(preset, name, value) for name, value in values.items() if name not in told}


def _checked_value(preset: ServicePreset, name: str, value: str) -> str:
    if not value:
        raise ConfigurationError(f"The preset {preset.name!r} needs {name}.", hint=_how_to_give(preset, name))
    if name.endswith("url"):
        url = check_base_url(value, name)
        if not _PLAIN_PATH.match(urlsplit(url).path):
            raise ConfigurationError(
                f"{name}={value!r} has an unusual path.", hint="Give the address as it looks in a browser."
            )
        return url
    domain = _domain_after(preset, name)
    # Whoever copies the host gives all of it: put in front of the domain, it would stand there twice.
    short = value[: -len(domain)] if domain and value.lower().endswith(domain) else value
    if not _NAME.match(short):
        raise ConfigurationError(
            f"{name}={value!r} cannot be part of an address.",
            hint="Give a host name or an id, without a scheme, a path or spaces.",
        )
    return short


def _how_to_give(preset: ServicePreset, name: str) -> str:
    if name == "base_url":
        return f'Give base_url="https://{preset.name}.example.com" with the address of your own installation.'
    if name == "tenant":
        return 'Give tenant="..." with the name or id of your organisation there.'
    domain = _domain_after(preset, name)
    return f'Give variables={{"{name}": "acme"}}' + (f" if yours is https://acme{domain}." if domain else ".")


def _domain_after(preset: ServicePreset, name: str) -> str:
    """What follows a variable in a host, such as `.zendesk.com`; empty where it is no part of one."""
    found = re.match(rf"https://\{{{name}\}}(\.[a-z0-9.-]+)(?:/|\Z)", preset.authorize_url)
    return found[1] if found else ""


def _check_urls(preset: ServicePreset) -> None:
    told = frozenset(preset.tokens.details)
    parts = {_CLIENT_ID, preset.tenant_variable}
    allowed_in = {"revocation": {_CLIENT_ID}, "api_url": told | {preset.tenant_variable}, "whoami": told}
    for name, url in _urls(preset):
        allowed = allowed_in.get(name, frozenset())
        for variable in _VARIABLE.findall(url):
            if variable not in allowed:
                raise ConfigurationError(
                    f"{name} of the preset {preset.name!r} holds {{{variable}}}, which is no variable of it.",
                    hint="Name it in variables, or in tokens.details if the service tells it.",
                )
        # What the service tells stands for a whole origin; it is checked when it comes.
        example = _VARIABLE.sub(lambda one: "x" if one[1] in parts else "https://told.example", url)
        if url and not is_trustworthy_url(example):
            raise ConfigurationError(
                f"{name}={url!r} is not an https URL.", hint="Use https; plain http is for loopback only."
            )


def _urls(preset: ServicePreset) -> Iterator[tuple[str, str]]:
    yield from ((name, getattr(preset, name)) for name in _URLS)
    if preset.revocation is not None:
        yield "revocation", preset.revocation.url
    whoami = preset.whoami
    while whoami is not None:
        yield "whoami", whoami.url
        whoami = whoami.further


def _is_own_host(url: str, hosts: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = "?" not in url and "#" not in url and _PLAIN_PATH.match(parts.path.rstrip("/")) is not None
    return is_plain and is_trustworthy_url(url) and is_among(parts.hostname or "", hosts)
