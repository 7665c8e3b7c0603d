"""Every setting there is, in one table: what pages, commands and tests read."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import SecretStr

from mcpauthkit.settings.app import AppSettings
from mcpauthkit.settings.base import Given, Settings, secret_fields
from mcpauthkit.settings.parts import (
    DecryptionKeySettings,
    DeploymentSettings,
    DoctorSettings,
    StdioSettings,
    StorageSettings,
)

CLASSES: tuple[type[Settings], ...] = (
    AppSettings,
    StorageSettings,
    DecryptionKeySettings,
    DeploymentSettings,
    StdioSettings,
    DoctorSettings,
)
"""The classes of settings, in the order of the table."""

_HIDDEN = "***"
# Refused in the addresses we take; shown it must not be all the same.
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_OURS = "mcpauthkit_"
# Names of other programs are like ours by chance, so outside of our prefix only a slip of a letter or two counts.
_NEAR = 0.88
_NEAR_AMONG_OURS = 0.6
_NOT_FOR_US = re.compile(
    # Switches of this repository's tests.
    r"mcpauthkit_(services|browser|deployment"
    # What Kubernetes and container links tell every process beside a service that is called mcpauthkit or mcpauthkit-*.
    r"|(.+_)?service_host|(.+_)?service_port(_.+)?|(.+_)?port(_\d+_(tcp|udp|sctp)(_(proto|port|addr))?)?)"
)
_KINDS: dict[Any, str] = {bool: "flag", int: "number", str: "text", Path: "path", SecretStr: "secret"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable.

    Args:
        variable: Its name.
        type: What it holds: `text`, `list`, `flag`, `number`, `path` or `secret`.
        default: What counts where it is not set, as it would be written; empty for nothing.
        description: What it is, as the rest of a sentence.
        is_secret: Whether it is never shown. `{variable}_FILE` may then name a file that holds it.
    """

    variable: str
    type: str
    default: str
    description: str
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Effective:
    """One variable as it is now.

    Args:
        setting: The variable.
        value: What counts; for a secret, and user and password in an address, `***` where there is one.
        source: Where it comes from: `environment`, `.env`, `file` for a secret's file, or `default`.
    """

    setting: Setting
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A variable that nothing reads, and looks as if it was meant for us.

    Args:
        variable: Its name.
        meant: The one that is probably meant; empty if none is near.
        source: Where it stands: `environment` or `.env`.
    """

    variable: str
    meant: str
    source: str

    @property
    def text(self) -> str:
        """A sentence about it."""
        meant = f" Perhaps {self.meant} is meant." if self.meant else ""
        return f"{self.variable} is set, and nothing reads it.{meant}"


def every_setting() -> list[Setting]:
    """Every variable that the kit reads, services' clients aside: those are `{SERVICE}_CLIENT_ID` and `_SECRET`."""
    return [one for kind in CLASSES for one in _settings_of(kind)]


def every_fault(given: Given | None = None) -> list[str]:
    """What is wrong with the settings, all classes together; each text begins with the variable it is about.

    Args:
        given: What the surroundings say; as they are now unless given.

    Raises:
        ConfigurationError: The `.env` file cannot be read.
    """
    given = given or Given.now()
    return [fault for kind in CLASSES for fault in kind.read(given)[1]]


def effective_settings(given: Given | None = None) -> list[Effective]:
    """Every variable with what counts now, secrets hidden.

    Args:
        given: What the surroundings say; as they are now unless given.

    Raises:
        ConfigurationError: The `.env` file cannot be read.
    """
    given = given or Given.now()
    return [_effective(one, given) for one in every_setting()]


def misspelt_variables(given: Given | None = None) -> list[Misspelt]:
    """Variables that nothing reads and that were probably meant for the kit.

    Those are all that begin with `MCPAUTHKIT_`, and others that are a letter or two from one of ours, if that one is
    not set.

    Args:
        given: What the surroundings say; as they are now unless given.

    Raises:
        ConfigurationError: The `.env` file cannot be read.
    """
    given = given or Given.now()
    known = set(_known())
    return [
        Misspelt(name.upper(), meant.upper(), source)
        for source, names in (("environment", given.environment), (".env", given.dotenv))
        for name in sorted(set(names) - known)
        if not _NOT_FOR_US.fullmatch(name)
        if (meant := _meant(name, known, given)) or name.startswith(_OURS)
    ]


def _known() -> Iterator[str]:
    for one in every_setting():
        yield one.variable.lower()
        if one.is_secret:
            yield f"{one.variable.lower()}_file"


def _meant(name: str, known: set[str], given: Given) -> str:
    prefix, cutoff = (_OURS, _NEAR_AMONG_OURS) if name.startswith(_OURS) else ("", _NEAR)
    # What all of ours begin with would make any two of them look alike.
    among = [
        one.removeprefix(prefix)
        for one in sorted(known)
        if one.startswith(_OURS) == bool(prefix) and given.find(one) is None
    ]
    nearest = difflib.get_close_matches(name.removeprefix(prefix), among, n=1, cutoff=cutoff)
    return f"{prefix}{nearest[0]}" if nearest else ""


def _settings_of(kind: type[Settings]) -> Iterator[Setting]:
    secrets = set(secret_fields(kind))
    for name, field in kind.model_fields.items():
        yield Setting(
            variable=name.upper(),
            type=_type_of(field.annotation),
            default=_written(field.default),
            description=field.description or "",
            is_secret=name in secrets,
        )


def _type_of(annotation: Any) -> str:
    if get_origin(annotation) is tuple:
        return "list"
    kinds: Sequence[Any] = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return next(_KINDS[one] for one in kinds if one in _KINDS)


def _written(default: object) -> str:
    if isinstance(default, bool):
        return "1" if default else "0"
    return "" if default in {None, ()} else str(default)


def _effective(setting: Setting, given: Given) -> Effective:
    name = setting.variable.lower()
    found = given.find(name)
    if found is not None:
        value, source = found
        return Effective(setting, _HIDDEN if setting.is_secret else _USER_INFO.sub(f"{_HIDDEN}@", value), source)
    if setting.is_secret and given.find(f"{name}_file") is not None:
        return Effective(setting, _HIDDEN, "file")
    return Effective(setting, setting.default, "default")
