"""The verifier that believes a proxy: who is calling stands in headers that the proxy sets.

Theory of operation. A header proves nothing, so what counts is who opened the connection. Only listed peers are
believed; from anybody else the headers are as if they were not there. The proxy has to remove these headers from what
its own clients send.

The peer is what the server says it is. uvicorn with `--proxy-headers` (on by default) and a `--forwarded-allow-ips`
that matches the proxy replaces it by the address in X-Forwarded-For, which is the client's: then the list here has
nothing to match, or, if it is widened until it matches, believes whoever can write that header. Run uvicorn with
`--no-proxy-headers`, so that the peer is the proxy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.encoding import base64url_decode, base64url_encode, parse_json_object
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.headers import header_values
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.endless import check_issuer_name, endless_principal_from
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.request_headers import check_header_name, only_header

_log = RequestLog("identity")
_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_OTHER_NAMES = {"user_id": "sub", "scopes": "scope", "agent_id": "client_id"}
# These decide whose user it is and for how long it counts; a header must not.
_NOT_FROM_HEADERS = frozenset({"iss", "aud", "exp", "nbf", "iat"})
_MAX_WARNED_PEERS = 64
_MAX_BYTES = 64 * 1024


class TrustedHeaderVerifier:
    """Takes the caller from headers that a proxy in front sets. See the top of this module before using it.

    Args:
        headers: Header to claim, `{"x-user-id": "sub", "x-user-roles": "roles"}`; `sub` has to be among them, and
            `user_id` is another word for it. Roles are separated by commas, scopes by commas or spaces.
        peers: Addresses or networks of the proxies, such as `["10.1.2.0/24"]`; from any other peer the headers are
            ignored, and one warning for each of them is logged.
        issuer: Under which name the users are known.
        clock: Time.
        entropy: Source of the key that marks what `find` wrote.

    Raises:
        ConfigurationError: No peer is listed, or everybody is; or the headers cannot be used.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        peers: Sequence[str],
        issuer: str = "trusted-headers",
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._claims = _claims_by_header(headers)
        self._subject_header = next(header for header, claim in self._claims.items() if claim == "sub")
        self._networks = _networks(peers)
        self._issuer = check_issuer_name(issuer, "TrustedHeaderVerifier")
        self._clock = clock or SystemClock()
        # `verify` gets a text. Only a text that `find` wrote is believed, whoever else may call it with another.
        self._key = (entropy or SystemEntropy()).random_bytes(32)
        self._warned: set[_Address | None] = set()

    def __repr__(self) -> str:
        return f"TrustedHeaderVerifier(headers={sorted(self._claims)!r}, issuer={self._issuer!r})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """What the headers of a listed peer say; see `TokenVerifier.find`.

        Raises:
            InvalidRequest: One of them came twice, or is no UTF-8.
        """
        if not header_values(presented.headers, self._subject_header.encode("ascii")):
            return None
        address = _address(presented.peer)
        if address is None or not any(address in network for network in self._networks):
            self._warn(address)
            return None
        # A header that comes twice is the client's own beside the proxy's, most likely.
        members = {claim: only_header(presented, header, encoding="utf-8") for header, claim in self._claims.items()}
        if members["sub"] is None:
            return None
        text = json.dumps({claim: value for claim, value in members.items() if value is not None})
        return f"{base64url_encode(self._mac(text).finalize())}.{text}"

    async def verify(self, token: str) -> Verified:
        """Read what `find` wrote; see `TokenVerifier.verify`."""
        mark, _, text = token.partition(".")
        try:
            self._mac(text).verify(base64url_decode(mark))
            members = parse_json_object(text.encode(), max_bytes=_MAX_BYTES)
        except (ValueError, InvalidSignature) as error:
            raise InvalidToken(reason="not what the headers of a listed peer said") from error
        claims: dict[str, Any] = {"iss": self._issuer}
        for claim, value in members.items():
            claims[claim] = _LISTS[claim](value) if claim in _LISTS else value
        principal = endless_principal_from(claims, issuer=self._issuer, now=self._clock.wall(), leeway_seconds=0.0)
        return Verified(principal, made_for_us=True, remember_seconds=0)

    def _mac(self, text: str) -> HMAC:
        mac = HMAC(self._key, SHA256())
        mac.update(text.encode())
        return mac

    def _warn(self, address: _Address | None) -> None:
        if address in self._warned or len(self._warned) >= _MAX_WARNED_PEERS:
            return
        self._warned.add(address)
        _log.warning(
            "the header %s of peer %s was ignored because peers= does not list it; if that is the proxy, list it, "
            "and if it is a client, the server rewrites the peer, or the proxy can be passed by",
            self._subject_header,
            address or "unknown",
        )


def _roles(value: str) -> list[str]:
    # A role may hold spaces.
    return [one for one in (part.strip() for part in value.split(",")) if one]


def _scopes(value: str) -> list[str]:
    return value.replace(",", " ").split()


_LISTS: dict[str, Callable[[str], list[str]]] = {"roles": _roles, "scope": _scopes}


def _address(peer: str | None) -> _Address | None:
    """The peer's address. A Unix socket has none, and so is nobody that could be listed."""
    try:
        address = ip_address(peer or "")
    except ValueError:
        return None
    # A socket for both families shows IPv4 peers as ::ffff:10.1.2.3.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _networks(peers: Sequence[str]) -> tuple[_Network, ...]:
    if isinstance(peers, str) or not peers or not all(isinstance(one, str) for one in peers):
        raise ConfigurationError(
            f"peers={peers!r} lists nobody whose headers could be believed.",
            hint='Give the addresses of the proxy: peers=["10.1.2.0/24"].',
        )
    try:
        networks = tuple(ip_network(one) for one in peers)
    except ValueError as error:
        raise ConfigurationError(
            f"peers={list(peers)!r} holds something that is no address or network.",
            hint='Write "10.1.2.3" or "10.1.2.0/24", no host names.',
        ) from error
    if any(network.prefixlen == 0 for network in networks):
        raise ConfigurationError(
            "peers= lists everybody, so anybody could say who they are.", hint="List the addresses of the proxy only."
        )
    return networks


def _claims_by_header(headers: Mapping[str, object]) -> dict[str, str]:
    claims: dict[str, str] = {}
    for header, name in headers.items():
        claim = _OTHER_NAMES.get(name, name) if isinstance(name, str) else ""
        if not claim.isidentifier() or claim in _NOT_FROM_HEADERS or claim in claims.values():
            raise ConfigurationError(
                f"The header {header!r} cannot become the claim {name!r}.",
                hint='Map each header to one claim: {"x-user-id": "sub", "x-user-roles": "roles"}.',
            )
        claims[check_header_name(header, "headers")] = claim
    if "sub" not in claims.values():
        raise ConfigurationError(
            "No header says who the user is.", hint='Map one of them to "sub": {"x-user-id": "sub"}.'
        )
    return claims
