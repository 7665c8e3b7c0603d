"""The hosts of a service: which addresses may be given a user's credential."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.errors import ConfigurationError

# At least two labels, and the last is no number: neither an address nor `.com`, below which everybody's hosts are.
_HOST = re.compile(r"\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_HTTPS_PORT = 443


def check_hosts(hosts: Iterable[str], argument: str) -> tuple[str, ...]:
    """Hosts as they were given, in lower case.

    Args:
        hosts: Names, such as `uploads.example.com`; one that begins with a dot, such as `.example.com`, stands for
            every host below it.
        argument: The argument's name, for the message.

    Raises:
        ConfigurationError: One of them is no name of a host, or everybody's hosts are below it.
    """
    if isinstance(hosts, str):
        raise ConfigurationError(f"{argument} is one text.", hint=f'Write {argument}=("uploads.example.com",).')
    names = tuple(one.lower() for one in hosts)
    wrong = next((one for one in names if _HOST.match(one) is None), None)
    if wrong is not None:
        raise ConfigurationError(
            f"{argument} has {wrong!r}, which is no name of a host.",
            hint='Write "uploads.example.com", or ".example.com" for every host below it; no scheme, port or path.',
        )
    return names


def is_among(host: str, hosts: Iterable[str]) -> bool:
    """Whether a host is one of those that are listed.

    Args:
        host: Its name in lower case.
        hosts: Names; one that begins with a dot stands for every host below it.
    """
    return any(host.endswith(one) if one.startswith(".") else host == one for one in hosts)


def is_at(url: str, hosts: Iterable[str]) -> bool:
    """Whether an address is at one of the hosts that are listed, by https and at its usual port.

    Args:
        url: The address, as an HTTP client spells it.
        hosts: As for `is_among`.
    """
    if not is_trustworthy_url(url):
        return False
    parts = urlsplit(url)
    usual = parts.scheme == "https" and parts.port in {None, _HTTPS_PORT}
    return usual and is_among(parts.hostname or "", hosts)
