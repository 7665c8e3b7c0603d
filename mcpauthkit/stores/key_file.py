"""The sealing keys in a file, in clear or wrapped by an external key service."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import KeyRing, digest_name, is_key_name, new_secret
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.replaced_file import replace_file
from mcpauthkit.stores.wrapping import ExternalKeyService, Wrapping

_MAX_FILE_BYTES: Final = 256 * 1024
_GROUP_WRITES_OR_OTHERS_READ: Final = 0o027
_PLAIN, _WRAPPED = "keys", "wrapped"
_FORMS_HINT = (
    'Put one line with one secret into it (`openssl rand -base64 48`), or {"minting": name, "keys": {name: secret}}.'
)
_log = RequestLog("stores")


@dataclass(frozen=True, slots=True)
class _Content:
    minting: str
    form: str
    entries: Mapping[str, str] = field(repr=False)


class KeyFile:
    """The key ring of a file, which an operator or a secret manager keeps.

    Two forms are read. One line with one secret, which is the only key. Or JSON, with the keys in clear,
    `{"minting": "2026-11", "keys": {"2026-11": "...", "2026-05": "..."}}`, or wrapped by a key service, then with
    `"wrapped"` in the place of `"keys"` and base64url as the values.

    `add` and `rotate` are the two steps of a rotation: with several replicas, every one of them has to have read the
    file with the new key before one seals under it. They replace the file in one step, change nothing else in it and
    lose no key; who could read it still can, but for users who are neither its owner nor in its group. `remove` takes
    the old key out, a day after `mcpauthkit store rotate` has found nothing unreadable.

    Args:
        path: The file.
        key_service: What wraps its secrets; needed if they are wrapped, refused if they are not.
        entropy: Source of new secrets.
    """

    def __init__(
        self, path: Path | str, *, key_service: ExternalKeyService | None = None, entropy: Entropy | None = None
    ) -> None:
        self._path = Path(path)
        self._wrapping = None if key_service is None else Wrapping(key_service)
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"

    def read(self) -> KeyRing:
        """The key ring as the file has it now.

        Raises:
            ConfigurationError: The file cannot be read, holds no key ring, or the key service refuses one of its keys.
            StoreUnavailable: The key service cannot be reached.
        """
        return self._ring(self._load())

    def create(self, name: str) -> None:
        """Write the file, with one new key of this name; there must not be one.

        Raises:
            ConfigurationError: It is there already or cannot be written, or the name is not usable.
            StoreUnavailable: As for `read`.
        """

        def begin() -> _Content:
            if self._path.exists():
                raise ConfigurationError(
                    f"The key file {self._path} is there already.", hint="Add a key to it, or choose another path."
                )
            return self._with_new(_Content(name, self._form, {}), name)

        self._change(begin)

    def add(self, name: str) -> None:
        """Add a new key that opens and does not seal yet; the first step of a rotation.

        Raises:
            ConfigurationError: There is a key of this name, or as for `create`.
            StoreUnavailable: As for `read`.
        """
        self._change(lambda: self._with_new(self._load(), name))

    def rotate(self, name: str) -> None:
        """Let the key of this name seal from now on; the second step, when every replica has it.

        Raises:
            ConfigurationError: There is no key of this name, or the file cannot be written.
            StoreUnavailable: As for `read`.
        """

        def rotated() -> _Content:
            content = self._load()
            if name not in content.entries:
                hint = f"First: mcpauthkit sealing-key add {self._path} {name}"
                raise self._has_no(name, content, hint if is_key_name(name) else "")
            return replace(content, minting=name)

        self._change(rotated)

    def remove(self, name: str) -> None:
        """Take a key out; what is sealed under it does not open afterwards.

        Raises:
            ConfigurationError: There is no key of this name, it is the one that seals, or the file cannot be written.
            StoreUnavailable: As for `read`.
        """

        def without() -> _Content:
            content = self._load()
            if name not in content.entries:
                raise self._has_no(name, content)
            if name == content.minting:
                is_alone = len(content.entries) == 1
                raise ConfigurationError(
                    f"The key {name} is {'the only one' if is_alone else 'the one that seals'} in {self._path}.",
                    hint=f"Let another one seal first: mcpauthkit sealing-key {'add' if is_alone else 'rotate'} "
                    f"{self._path} NAME",
                )
            entries = {other: secret for other, secret in content.entries.items() if other != name}
            return replace(content, entries=entries)

        self._change(without)

    def wrap(self) -> None:
        """Have the key service wrap the secrets that stand in the file in clear. Copies of it stay as they are.

        Raises:
            ConfigurationError: There is no key service, the secrets are wrapped already, or as for `rotate`.
            StoreUnavailable: As for `read`.
        """

        def wrapped() -> _Content:
            content = self._load()
            if self._wrapping is None or content.form == _WRAPPED:
                raise ConfigurationError(
                    f"There is nothing to wrap in the key file {self._path}.",
                    hint="Give key_service=, and a file whose secrets are in clear.",
                )
            entries = {name: self._stored(name, Secret(secret)) for name, secret in content.entries.items()}
            return _Content(content.minting, _WRAPPED, entries)

        self._change(wrapped)

    @property
    def _form(self) -> str:
        return _PLAIN if self._wrapping is None else _WRAPPED

    def _load(self) -> _Content:
        return _parse(self._bytes(), self._path)

    def _bytes(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(
                f"The key file {self._path} cannot be read ({error.strerror}).",
                hint="Check that the path is right and that this process may read it.",
            ) from error
        if mode & _GROUP_WRITES_OR_OTHERS_READ:
            _log.warning("key file open to others path=%s mode=%o hint=%r", self._path, mode & 0o777, "chmod 600 it")
        return data

    def _ring(self, content: _Content) -> KeyRing:
        if content.form != self._form:
            is_wrapped = content.form == _WRAPPED
            raise ConfigurationError(
                f"The secrets in the key file {self._path} are {'wrapped' if is_wrapped else 'in clear'}.",
                hint="Give KeyFile the key_service= that wrapped them."
                if is_wrapped
                else "Call wrap() once, or leave key_service= out.",
            )
        secrets = {name: self._revealed(name, text) for name, text in content.entries.items()}
        return KeyRing(secrets, minting=content.minting)

    def _has_no(self, name: str, content: _Content, hint: str = "") -> ConfigurationError:
        shown = name if is_key_name(name) else f"{name!r:.80}"
        names = ", ".join(content.entries)
        return ConfigurationError(
            f"{self._path} has no key {shown}; it has {names}.", hint=hint or "Write the name of one of them."
        )

    def _with_new(self, content: _Content, name: str) -> _Content:
        if not is_key_name(name) or name in content.entries:
            raise ConfigurationError(
                f"{name!r:.80} cannot be the name of a new key of {self._path}.",
                hint=f"Use letters, digits and hyphens, at most 64{_but_none_of(content.entries)}.",
            )
        if content.form != self._form:
            # Before the service is asked for anything, and with the right words.
            self._ring(content)
        return replace(content, entries={**content.entries, name: self._stored(name, new_secret(self._entropy))})

    def _stored(self, name: str, secret: Secret) -> str:
        return secret.reveal() if self._wrapping is None else self._wrapping.wrap(name, secret)

    def _revealed(self, name: str, text: str) -> Secret:
        return Secret(text) if self._wrapping is None else self._wrapping.unwrap(name, text)

    def _change(self, change: Callable[[], _Content]) -> None:
        def changed() -> str:
            content = change()
            # Whatever is written can be read again.
            self._ring(content)
            return json.dumps({"minting": content.minting, content.form: dict(content.entries)}, indent=2) + "\n"

        replace_file(self._path, changed)


def _but_none_of(names: Collection[str]) -> str:
    return f", and none of {', '.join(sorted(names))}" if names else ""


def _parse(data: bytes, path: Path) -> _Content:
    try:
        text = data.decode("utf-8-sig").strip()
        if len(data) > _MAX_FILE_BYTES or not text or (not text.startswith("{") and len(text.splitlines()) > 1):
            raise ValueError("neither form")  # noqa: TRY301  # one refusal for whatever is neither form
        if not text.startswith("{"):
            name = digest_name(text)
            return _Content(name, _PLAIN, {name: text})
        return _parse_json(parse_json_object(text.encode(), max_bytes=_MAX_FILE_BYTES))
    except ValueError:
        # Not `from error`: that one may show a piece of the file, and there are secrets in it.
        raise ConfigurationError(f"The key file {path} holds no key ring.", hint=_FORMS_HINT) from None


def _parse_json(document: dict[str, Any]) -> _Content:
    minting = document.pop("minting", None)
    (form, entries), *others = document.items() or [("", None)]
    if others or form not in {_PLAIN, _WRAPPED} or not isinstance(minting, str) or not isinstance(entries, dict):
        raise ValueError("not the members of a key file")
    if not all(isinstance(one, str) for one in entries.values()):
        raise ValueError("not the members of a key file")
    return _Content(minting, form, entries)
