"""Addresses that users type, which an application will call with their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from mcpauthkit.core.urls import check_base_url, is_loopback_host, is_machine_itself, is_trustworthy_url
from mcpauthkit.errors import ConfigurationError

_HTTPS_PORT, _HTTP_PORT = 443, 80
# Names of at least two parts, the last of which is no number: neither addresses in any notation nor inner short names.
_PUBLIC_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?\Z")
# Names that are never public (RFC 6762, RFC 6761, RFC 8375, and what inner networks are called).
_INNER_ENDS = frozenset(
    {"localhost", "local", "internal", "intranet", "localdomain", "lan", "home", "corp", "private", "arpa", "onion"}
)
_LISTED = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^\s/:@\[\]?#\\]+))(?::(?P<port>[0-9]{1,5}))?\Z")


class Reach:
    """Where typed addresses may lead: to https at its usual port and public names, unless the developer lists others.

    Args:
        hosts: The only hosts that may be named, inner ones included, each with a port if it has one of its own.
            Without any, every public name may be.

    Raises:
        ConfigurationError: One of them is no host.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        if isinstance(hosts, str):
            raise ConfigurationError("allowed_hosts is one text.", hint='Write allowed_hosts=("git.example.com",).')
        self._listed = frozenset(_parsed(one) for one in hosts)

    def problem(self, label: str, url: str) -> str | None:
        """Why an address cannot be used, in words for the page; None when it can be.

        Args:
            label: What the page calls it.
            url: The address.
        """
        try:
            parts = urlsplit(check_base_url(url, label))
        except ConfigurationError:
            return f"{label} is not an address that begins with https:// and is nothing but an address."
        host = (parts.hostname or "").rstrip(".")
        usual = _HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT
        port = usual if parts.port is None else parts.port
        if (host, port) in self._listed:
            return None
        if not self._allows(host):
            return (
                f"{label} is not among the addresses this application may be pointed at."
                if self._listed
                else f"{label} has to be a public host name that begins with https://."
            )
        # Who chooses ports finds out what listens at them, inside as well where a name leads there.
        if port != _HTTPS_PORT and not is_loopback_host(host):
            return f"{label} names a port. Leave it out, or ask who runs this application to allow it."
        return None

    def _allows(self, host: str) -> bool:
        if self._listed:
            return (host, None) in self._listed
        return _PUBLIC_NAME.match(host) is not None and host.rpartition(".")[2] not in _INNER_ENDS


def _parsed(entry: str) -> tuple[str, int | None]:
    found = _LISTED.match(entry.lower())
    if found is None:
        raise ConfigurationError(
            f"allowed_hosts has {entry!r}, which is no host.",
            hint='Write "git.example.com", or "git.example.com:8443" where it has a port; IPv6 addresses in brackets.',
        )
    return (found["address"] or found["name"]).rstrip("."), int(found["port"]) if found["port"] else None


def problem_of_url(label: str, url: str, *, on_loopback: bool) -> str | None:
    """Why an address cannot be used, in words for the page; None when it can be.

    Args:
        label: What the page calls it.
        url: The address.
        on_loopback: Whether this application runs on the machine of its only user. Elsewhere, who could name an
            address of this machine would reach its other services from inside.
    """
    if not is_trustworthy_url(url) or url.count("@"):
        return f"{label} is not an address that begins with https:// and holds no user name."
    parts = urlsplit(url)
    if parts.fragment or url.endswith("#"):
        return f"{label} is only the address, without # and what follows it."
    if not on_loopback and is_machine_itself(parts.hostname or ""):
        return f"{label} has to be an address that other computers can reach."
    return None
