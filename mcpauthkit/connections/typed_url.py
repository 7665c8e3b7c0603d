"""Addresses that users type, which an application will call with their secrets."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from mcpauthkit.core.urls import is_loopback_host, is_trustworthy_url


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
    if not on_loopback and _is_machine_itself(parts.hostname or ""):
        return f"{label} has to be an address that other computers can reach."
    return None


def _is_machine_itself(host: str) -> bool:
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
    # Link-local: where clouds give a machine its own credentials.
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
