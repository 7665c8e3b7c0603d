"""Make the secrets of the compose file: `python -m server.fresh_secrets FOLDER [--owner UID]`.

They are made once and stay until their volume is removed, so nobody has to invent, copy or commit one.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

_OWNER_READS = 0o400
_REDIS = "redis:6379"


def main(arguments: list[str]) -> int:
    """Write what is not there yet; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.fresh_secrets")
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--owner", type=int, help="the user who alone reads them, if it is another one")
    parsed = parser.parse_args(arguments)
    folder: Path = parsed.folder
    if (folder / "redis.conf").exists():
        sys.stdout.write(f"The secrets in {folder} stay as they are.\n")
        return 0
    for name, text in _fresh().items():
        _write(folder / name, text, parsed.owner)
    sys.stdout.write(f"Fresh secrets are in {folder}.\n")
    return 0


def _fresh() -> dict[str, str]:
    password = secrets.token_urlsafe(32)
    return {
        "sealing-key": secrets.token_urlsafe(48),
        "redis-password": password,
        "redis-url": f"redis://default:{password}@{_REDIS}/0",
        # Credentials of users are no cache: a full Redis refuses new ones and forgets none. Last, as it says that all
        # the others are there.
        "redis.conf": f'requirepass {password}\nmaxmemory-policy noeviction\nsave ""\nappendonly no\n',
    }


def _write(path: Path, text: str, owner: int | None) -> None:
    # Under another name until it is whole, so that a run that is cut short leaves no half of a secret.
    aside = path.with_suffix(".part")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if owner is not None:
            os.fchown(file.fileno(), owner, owner)
    aside.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
