"""Addresses as strings.

Issuer and resource identifiers are compared and served byte for byte (RFC 8414 section 3.3, RFC 9207
section 2.4). No URL type touches them: those add slashes and fold case, and clients then refuse the login.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from mcpauthkit.errors import ConfigurationError

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f\\]")


def is_loopback_host(host: str | None) -> bool:
    """Whether a host name means this machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_machine_itself(host: str) -> bool:
    """Whether a host leads to the very machine that asks, or to what only it can reach, however that is spelt.

    Nobody else may choose such an address: behind it are services that trust this machine, and on its link is what
    gives it its credentials in a cloud. Private networks are not counted.

    Args:
        host: A host as it stands in a URL, without brackets.
    """
    name = host.rstrip(".")
    if is_loopback_host(name) or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        # Numbers like 127.1 and 0x7f000001 are addresses of the old notation, which resolvers still read.
        return name.rpartition(".")[2][:1].isdigit()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


def _split(url: str) -> SplitResult:
    if not url or _CONTROL_OR_SPACE.search(url):
        raise ValueError("it is empty or holds spaces, backslashes or control characters")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("it is not an absolute https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds credentials")
    _ = parts.port  # an impossible port raises ValueError here rather than at the first connection
    return parts


def is_trustworthy_url(url: str) -> bool:
    """Whether secrets may go there: https anywhere, or http on this machine (RFC 8252 section 8.3)."""
    try:
        parts = _split(url)
    except ValueError:
        return False
    return parts.scheme == "https" or is_loopback_host(parts.hostname)


def check_base_url(url: str, argument: str) -> str:
    """A public base URL as configured, without its trailing slash.

    Args:
        url: What the user gave, for instance `https://mcp.example.com` or `https://example.com/tools`.
        argument: The argument's name, for the message.

    Raises:
        ConfigurationError: It is not an absolute https URL (http is allowed on loopback only), or has a query
            or fragment.
    """
    try:
        parts = _split(url)
    except ValueError as error:
        # What stands before an @ may be a password.
        given = argument if "@" in url else f"{argument}={url!r}"
        raise ConfigurationError(f"{given} cannot be used: {error}.", hint="Give an absolute https URL.") from error
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ConfigurationError(f"{argument}={url!r} has a query or fragment.", hint="Leave that part away.")
    if not is_trustworthy_url(url):
        raise ConfigurationError(
            f"{argument}={url!r} is plain http on a host that is not this machine.",
            hint="Tokens would travel in clear: use https, or loopback for development.",
        )
    return url.rstrip("/")


def check_issuer_url(url: str) -> str:
    """An issuer identifier exactly as configured (RFC 8414 section 2); only checked, never rewritten.

    Raises:
        ConfigurationError: As for `check_base_url`.
    """
    check_base_url(url, "issuer_url")
    if "/.well-known/" in url:
        raise ConfigurationError(
            f"issuer_url={url!r} is the address of a metadata document.",
            hint="Give the value of `issuer` in that document.",
        )
    return url


def origin_of(url: str) -> str:
    """Scheme and authority of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """The path of a URL, empty when it has none."""
    return urlsplit(url).path


def well_known_url(identifier: str, suffix: str) -> str:
    """The well-known URL of an identifier by insertion before its path (RFC 8414 section 3, RFC 9728 section 3).

    Args:
        identifier: An issuer or resource identifier.
        suffix: The registered name, for instance `oauth-protected-resource`.
    """
    parts = urlsplit(identifier)
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, f"/.well-known/{suffix}{path}", "", ""))


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with parameters added to those it already has (RFC 6749 section 3.1)."""
    parts = urlsplit(url)
    added = urlencode(parameters)
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))
