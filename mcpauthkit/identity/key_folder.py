"""The folder that `mcpauthkit keys` looks after: a private key set for the server, a public one for its producers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.decryption_keys import UNPUBLISHED_MEMBER, DecryptionKeys
from mcpauthkit.identity.new_keys import NewKeyKind, new_private_jwk
from mcpauthkit.stores.replaced_file import replace_file

PRIVATE_NAME: Final = "mcp-private.json"
PUBLIC_NAME: Final = "mcp-public.json"
IGNORE_NAME: Final = ".gitignore"
IGNORE_TEXT: Final = "# Made by mcpauthkit: keys are never committed.\n*\n"
_OWNER_ALONE: Final = 0o700
_OTHERS_WRITE: Final = 0o002
_STICKY: Final = 0o1000
_MAX_FILE_BYTES: Final = 256 * 1024
# A key that has come and not been published yet, and one that was published and only opens now.
_COMING, _GOING = "new", "old"
_Entry = dict[str, Any]


class KeyFolder:
    """A key pair in files, and its rotation without a token that does not open.

    A rotation has three steps, and every server has to have the file of one step before the next: `add` puts in a key
    that opens and is not published, `publish` publishes it instead of those there were, and `drop` takes these out,
    when the last token that was encrypted to them has ended. Files are replaced in one step, and nobody but their owner
    reads them.

    Args:
        path: The folder. It is made for its owner alone if it is not there.

    Attributes:
        path: The folder.
        private: The private key set, for `MCP_KEY_FILE_PATH`.
        public: The public key set, for whoever makes tokens and does not fetch it from the server.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.private = self.path / PRIVATE_NAME
        self.public = self.path / PUBLIC_NAME

    def __repr__(self) -> str:
        return f"KeyFolder({str(self.path)!r})"

    def has_keys(self) -> bool:
        """Whether a private key set is there, usable or not."""
        return os.path.lexists(self.private)

    def prepare(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            ConfigurationError: It cannot be made, or everybody may write to it.
        """
        try:
            # Closed from its first moment on.
            self.path.mkdir(mode=_OWNER_ALONE, parents=True)
        except FileExistsError:
            self._check_folder()
            return
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            # Whatever the umask is.
            self.path.chmod(_OWNER_ALONE)
            with (self.path / IGNORE_NAME).open("x", encoding="utf-8") as file:
                file.write(IGNORE_TEXT)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def create(self, kind: NewKeyKind = "rsa-4096") -> str:
        """Write a new key pair, and give its key id; there must not be one.

        Args:
            kind: What kind of key.

        Raises:
            ConfigurationError: One of the files is there already, or cannot be written.
        """
        self._check_free()
        entries = [new_private_jwk(kind)]
        self.prepare()

        def begin() -> str:
            # Once more, now that nobody else changes them: whoever was quicker keeps their key.
            self._check_free()
            return _text(entries)

        replace_file(self.private, begin)
        is_whole = False
        try:
            self._write_public(entries)
            is_whole = True
        finally:
            if not is_whole:
                # Nobody has seen it yet. Half a pair would be in the way of the next attempt.
                self.private.unlink(missing_ok=True)
        return str(entries[0]["kid"])

    def private_text(self) -> Secret:
        """The content of the private key set, whole.

        Raises:
            ConfigurationError: It cannot be read, or one of its keys is not usable.
        """
        entries = self._entries()
        _checked(entries)
        return Secret(_text(entries))

    def add(self, kind: NewKeyKind = "rsa-4096") -> str:
        """Put in a new key, which opens and is not published yet, and give its id; the first step of a rotation.

        Args:
            kind: What kind of key.

        Raises:
            ConfigurationError: A key waits to be published already, or the files cannot be read or written.
        """
        made = {**new_private_jwk(kind), UNPUBLISHED_MEMBER: _COMING}

        def add(entries: Sequence[_Entry]) -> list[_Entry]:
            if any(_state(one) == _COMING for one in entries):
                raise ConfigurationError(
                    f"{self.private} has a new key already, which waits to be published.",
                    hint="When every server has that file: mcpauthkit keys rotate --publish",
                )
            return [made, *entries]

        self._change(add)
        return str(made["kid"])

    def publish(self) -> str:
        """Publish the new key instead of those there were, which go on opening; the second step.

        Returns:
            The id of the key that is published now.

        Raises:
            ConfigurationError: No key waits to be published, or the files cannot be read or written.
        """
        published: list[str] = []

        def publish(entries: Sequence[_Entry]) -> list[_Entry]:
            if not any(_state(one) == _COMING for one in entries):
                raise ConfigurationError(
                    f"{self.private} has no new key that waits to be published.", hint="First: mcpauthkit keys rotate"
                )
            changed = [_without_state(one) if _state(one) == _COMING else _going(one) for one in entries]
            published.extend(one["kid"] for one in _checked(changed).public_jwks()["keys"])
            # The public half first: the new key opens everywhere already, so nothing is lost if it ends here.
            self._write_public(changed)
            return changed

        self._change(publish)
        return published[0]

    def drop(self) -> int:
        """Take out the keys that are no longer published, and say how many; the last step.

        Tokens that were encrypted to them do not open afterwards.

        Raises:
            ConfigurationError: There are none, or the files cannot be read or written.
        """
        dropped: list[_Entry] = []

        def drop(entries: Sequence[_Entry]) -> list[_Entry]:
            dropped.extend(one for one in entries if _state(one) == _GOING)
            if not dropped:
                raise ConfigurationError(
                    f"{self.private} has no key that is out of use.",
                    hint="A rotation begins with: mcpauthkit keys rotate",
                )
            return [one for one in entries if _state(one) != _GOING]

        self._change(drop)
        return len(dropped)

    def _change(self, change: Callable[[Sequence[_Entry]], list[_Entry]]) -> None:
        if not self.has_keys():
            raise ConfigurationError(f"There are no keys in {self.path}.", hint="Make some: mcpauthkit keys generate")

        def changed() -> str:
            entries = change(self._entries())
            # Whatever is written can be read again.
            _checked(entries)
            return _text(entries)

        replace_file(self.private, changed)
        if not self.public.exists():
            self._write_public(self._entries())

    def _entries(self) -> list[_Entry]:
        try:
            with self.private.open("rb") as file:
                document = parse_json_object(file.read(_MAX_FILE_BYTES + 1), max_bytes=_MAX_FILE_BYTES)
        except OSError as error:
            raise ConfigurationError(
                f"{self.private} cannot be read ({error.strerror}).", hint="Make keys: mcpauthkit keys generate"
            ) from error
        except ValueError:
            # Not `from error`: that one may show a piece of the file.
            raise ConfigurationError(
                f"{self.private} is no private key set.", hint="Choose another folder: --output"
            ) from None
        listed = document.get("keys", [document])
        _checked(listed)
        return list(listed)

    def _write_public(self, entries: Sequence[_Entry]) -> None:
        public = _checked(entries).public_jwks()
        replace_file(self.public, lambda: json.dumps(public, indent=2) + "\n")

    def _check_free(self) -> None:
        for path in (self.private, self.public):
            # A link that points nowhere counts too: what is behind it is somebody's.
            if os.path.lexists(path):
                raise ConfigurationError(
                    f"{path} is there already, and keys are never overwritten.",
                    hint="To add a key: mcpauthkit keys rotate. To destroy them: mcpauthkit keys clean. Or choose "
                    "another folder: --output",
                )

    def _check_folder(self) -> None:
        if not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is no folder.", hint="Choose another one: --output")
        mode = self.path.stat().st_mode
        if os.name == "posix" and mode & _OTHERS_WRITE and not mode & _STICKY:
            # They could put a key of their own in the place of ours.
            raise ConfigurationError(
                f"Everybody can write to {self.path} (mode {mode & 0o777:o}).",
                hint="Close it with chmod 700, or name a folder that does not exist yet: it is made for you alone.",
            )


def _checked(entries: Any) -> DecryptionKeys:
    return DecryptionKeys.from_jwks({"keys": entries})


def _text(entries: Sequence[_Entry]) -> str:
    return json.dumps({"keys": list(entries)}, indent=2) + "\n"


def _state(entry: _Entry) -> object:
    return entry.get(UNPUBLISHED_MEMBER)


def _going(entry: _Entry) -> _Entry:
    return {**entry, UNPUBLISHED_MEMBER: _GOING}


def _without_state(entry: _Entry) -> _Entry:
    return {name: value for name, value in entry.items() if name != UNPUBLISHED_MEMBER}


def _unusable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {folder} cannot hold keys ({error.strerror}).", hint="Choose another one: --output"
    )
