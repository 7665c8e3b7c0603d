"""`mcpauthkit sealing-key`: the secrets that seal."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from mcpauthkit.core.keyring import new_secret
from mcpauthkit.stores.key_file import KeyFile


def group() -> App:
    """The commands about keys."""
    app = App(name="sealing-key", help="Make and rotate the secrets that seal what is kept.")
    for command in (new, create, add, rotate, remove):
        app.command(command)
    app.command(list_keys, name="list")
    return app


def new() -> int:
    """Print a new secret, for STORAGE_ENCRYPTION_KEY or a file."""
    print(new_secret().reveal())
    return 0


def create(path: Path, name: str) -> int:
    """Write a key file with one new key, readable by its owner alone.

    Args:
        path: The file, which must not be there yet.
        name: What the key is called, for instance by its month: 2026-11.
    """
    KeyFile(path).create(name)
    print(f"{path} is there, with the key {name}. Point STORAGE_ENCRYPTION_KEY_PATH at it.")
    return 0


def add(path: Path, name: str) -> int:
    """Add a new key to a key file, which opens and does not seal yet: the first step of a rotation.

    Args:
        path: The file.
        name: What the new key is called.
    """
    KeyFile(path).add(name)
    print(
        f"The key {name} opens. Restart every server with this file, then: mcpauthkit sealing-key rotate {path} {name}"
    )
    return 0


def rotate(path: Path, name: str) -> int:
    """Let a key of a key file seal from now on: the second step of a rotation.

    Args:
        path: The file.
        name: Which of its keys.
    """
    KeyFile(path).rotate(name)
    print(f"The key {name} seals. Restart every server with this file, then: mcpauthkit store rotate")
    return 0


def remove(path: Path, name: str) -> int:
    """Take a key out of a key file: the last step of a rotation, a day after `store rotate` found nothing unreadable.

    What is sealed under it does not open afterwards. In proxy mode clients hold what it sealed: keep it for 30 days.

    Args:
        path: The file.
        name: Which of its keys; not the one that seals.
    """
    KeyFile(path).remove(name)
    print(f"{path} has no key {name} any more. Restart every server with this file.")
    return 0


def list_keys(path: Path) -> int:
    """Print the names of the keys of a key file, and which one seals; no secrets.

    Args:
        path: The file.
    """
    ring = KeyFile(path).read()
    for name in ring.names:
        print(f"{name}  {'seals' if name == ring.minting else 'opens'}")
    return 0
