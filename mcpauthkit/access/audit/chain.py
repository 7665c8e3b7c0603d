"""A chain of records: each holds the hash of the one before, so none changes, goes or comes unnoticed.

The hash covers the bytes of the line as they stand, up to the comma before it. Nothing has to be parsed, sorted or
written again to check it, and no two readers can differ about what was hashed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from mcpauthkit.core.keyring import KeyRing

GENESIS = "0" * 64
"""What the first record of a chain has for the hash of the one before."""

_PURPOSE = "audit-chain"
_ARGUMENTS = "audit-arguments"
# All that follows the foreign members of a record; quotes in those are escaped, so nobody can write it for us.
_LINK = re.compile(
    rb',"sequence":(?P<sequence>[1-9][0-9]{0,17})(?:,"key":"(?P<key>[A-Za-z0-9-]{1,64}\.[0-9a-f]{8})")?'
    rb',"previous":"(?P<previous>[0-9a-f]{64})","hash":"(?P<hash>[0-9a-f]{64})"\}\Z'
)
_LONGEST_LINK = 320
_HASH_MEMBER_BYTES = len(',"hash":""}') + 64


@dataclass(frozen=True, slots=True)
class Link:
    """Where a record stands in its chain.

    Args:
        sequence: Its number in the chain, from 1.
        key: Name and fingerprint of the key; empty where the chain has none.
        previous: The hash of the record before.
        hash: Its own.
    """

    sequence: int
    key: str
    previous: str
    hash: str


def link_of(line: bytes) -> Link | None:
    """The place that a line claims to have in its chain; None for a line that is no record of one.

    Args:
        line: The line, without its end.
    """
    found = _LINK.search(line[-_LONGEST_LINK:])
    if found is None or not line.startswith(b"{"):
        return None
    key = found["key"] or b""
    return Link(int(found["sequence"]), key.decode(), found["previous"].decode(), found["hash"].decode())


class ChainMaker:
    """Finishes records: writes the members that tie them to the chain.

    Args:
        key_ring: Its minting key makes the hashes; without one they are plain SHA-256.
    """

    __slots__ = ("_key", "_key_id")

    def __init__(self, key_ring: KeyRing | None) -> None:
        self._key_id, self._key = ("", b"") if key_ring is None else _minting(key_ring, _PURPOSE)

    def close(self, body: str, sequence: int, previous: str) -> tuple[str, dict[str, Any]]:
        """The finished line, without its end, and the members that were added.

        Args:
            body: The line up to its last member, still open.
            sequence: The number of the record.
            previous: The hash of the one before.
        """
        key = f',"key":"{self._key_id}"' if self._key_id else ""
        hashed = f'{body},"sequence":{sequence}{key},"previous":"{previous}"'
        own = _hash(hashed.encode("ascii"), self._key)
        added: dict[str, Any] = {"sequence": sequence}
        if key:
            added["key"] = self._key_id
        added |= {"previous": previous, "hash": own}
        return f'{hashed},"hash":"{own}"}}', added


class ChainReader:
    """Checks whether the hashes of records are right.

    Args:
        key_ring: Every key of it is accepted; None for a chain of plain SHA-256.
    """

    def __init__(self, key_ring: KeyRing | None) -> None:
        self._key_ring = key_ring
        self._keys: dict[str, bytes | None] = {}

    def knows(self, key_id: str) -> bool:
        """Whether it has the key that a record names.

        Args:
            key_id: Name and fingerprint, as `Link.key` has them.
        """
        return self._key(key_id) is not None

    def is_intact(self, line: bytes, link: Link) -> bool:
        """Whether the hash of a line is right.

        Args:
            line: The line, without its end.
            link: What `link_of` found in it; a key that is known.
        """
        key = self._key(link.key) if link.key else b""
        return key is not None and hmac.compare_digest(_hash(line[:-_HASH_MEMBER_BYTES], key), link.hash)

    def _key(self, key_id: str) -> bytes | None:
        if key_id not in self._keys:
            name, _, fingerprint = key_id.partition(".")
            ring = self._key_ring
            is_there = ring is not None and ring.fingerprint(name) == fingerprint
            self._keys[key_id] = ring.derive(name, _PURPOSE) if ring is not None and is_there else None
        return self._keys[key_id]


class ArgumentHasher:
    """Makes one short text of what a tool was called with: equal for equal arguments, and nothing can be read in it.

    Under a key, because the arguments of most tools can be guessed: without one, whoever reads the log could try all
    account numbers.

    Args:
        key_ring: Its minting key is used.
    """

    __slots__ = ("_key", "_key_id")

    def __init__(self, key_ring: KeyRing) -> None:
        self._key_id, self._key = _minting(key_ring, _ARGUMENTS)

    def of(self, canonical: str) -> str:
        """The hash of arguments, with the key's name and fingerprint before it.

        Args:
            canonical: The arguments as JSON in its canonical form.
        """
        return f"{self._key_id}:{_hash(canonical.encode('ascii'), self._key)}"


def _hash(data: bytes, key: bytes) -> str:
    return hmac.digest(key, data, "sha256").hex() if key else hashlib.sha256(data).hexdigest()


def _minting(key_ring: KeyRing, purpose: str) -> tuple[str, bytes]:
    name = key_ring.minting
    key = key_ring.derive(name, purpose)
    assert key is not None
    return f"{name}.{key_ring.fingerprint(name)}", key
