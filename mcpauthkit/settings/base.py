"""How settings are read: from the environment, a `.env` file, and files that hold a secret.

Theory of operation. pydantic-settings reads the variables. A secret may also lie in a file of its own, as container
platforms mount them: `NAME_FILE` names it. The file's text then goes in where the variable would have. Faults of
several classes are gathered before anything is raised, so that one start names all of them.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from mcpauthkit.errors import ConfigurationError

_DOTENV = ".env"
_OF_PYDANTIC = "Value error, "
_MAX_SECRET_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Given:
    """What the surroundings say, with names in lower case; what is empty is left out.

    Args:
        environment: The variables of the process.
        dotenv: Those of the `.env` file in the working directory.
    """

    environment: Mapping[str, str]
    dotenv: Mapping[str, str]

    @classmethod
    def now(cls) -> Self:
        """What they say at this moment.

        Raises:
            ConfigurationError: The `.env` file cannot be read.
        """
        environment = EnvSettingsSource(Settings).env_vars
        try:
            dotenv = DotEnvSettingsSource(Settings, env_file=_DOTENV).env_vars
        except (OSError, UnicodeDecodeError) as error:
            # Not `from error`: that one shows the file's bytes, and there are passwords in it.
            raise ConfigurationError(
                f"The .env file in the working directory cannot be read ({type(error).__name__}).",
                hint="Save it as UTF-8 and let this process read it, or start the server in another directory.",
            ) from None
        return cls(_without_nothing(environment), _without_nothing(dotenv))

    def find(self, name: str) -> tuple[str, str] | None:
        """The value of a variable and where it stands, `environment` or `.env`; None where it is not set.

        Args:
            name: Its name, in lower case.
        """
        if name in self.environment:
            return self.environment[name], "environment"
        return (self.dotenv[name], _DOTENV) if name in self.dotenv else None


def _without_nothing(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


class Settings(BaseSettings):
    """Settings read when they are constructed.

    From the environment and, where that is silent, from a `.env` file in the working directory. An empty variable is
    one that is not set. A secret may lie in a file, which the variable with `_FILE` behind its name leads to.
    """

    model_config = SettingsConfigDict(
        env_file=_DOTENV,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # What is refused may be a secret.
        hide_input_in_errors=True,
    )

    @classmethod
    def from_environment(cls) -> Self:
        """The settings as they are now.

        Raises:
            ConfigurationError: One of them cannot be used, or the `.env` file in the working directory cannot be read.
        """
        found, faults = cls.read(Given.now())
        refuse(faults)
        assert found is not None
        return found

    @classmethod
    def read(cls, given: Given) -> tuple[Self | None, Sequence[str]]:
        """The settings, or what is wrong with them.

        Args:
            given: What the surroundings say.

        Returns:
            The settings, or None where a value cannot be used, and a text for each fault, which begins with the
            variable where it is about one. No text holds a value: some of ours are secrets.
        """
        from_files, faults = _read_files(given, list(secret_fields(cls)))
        try:
            found = cls(**from_files)
        except ValidationError as error:
            return None, [*faults, *(_text_of(one["loc"], one["msg"]) for one in error.errors(include_input=False))]
        return found, [*faults, *found.contradictions()]

    def contradictions(self) -> Iterator[str]:
        """What does not go together, a text for each."""
        yield from ()


def refuse(faults: Sequence[str]) -> None:
    """Raise what is wrong with settings, if anything is.

    Args:
        faults: A text for each fault, without any secret.

    Raises:
        ConfigurationError: There is a fault.
    """
    if len(faults) == 1:
        raise ConfigurationError(
            "The environment, or the .env file in the working directory, has a setting that cannot be used.",
            hint=faults[0],
        )
    if faults:
        lines = "".join(f"\n- {one}" for one in faults)
        raise ConfigurationError(
            f"The environment, or the .env file in the working directory, has {len(faults)} faults:{lines}"
        )


def secret_fields(kind: type[Settings]) -> Iterator[str]:
    """The fields of a class that hold secrets."""
    for name, field in kind.model_fields.items():
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation):
            yield name


def _read_files(given: Given, names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The secrets that lie in files, and what is wrong with the files."""
    found: dict[str, Any] = {}
    faults = []
    for name in names:
        place = given.find(f"{name}_file")
        if place is None:
            continue
        if given.find(name) is not None:
            faults.append(f"{name.upper()} and {name.upper()}_FILE are both set. Set one of them.")
            continue
        try:
            found[name] = _secret_in(Path(place[0]))
        except (OSError, ValueError) as error:
            # Not its text: that of a decoding error holds bytes of the secret.
            reason = type(error).__name__
            faults.append(f"{name.upper()}_FILE: the file cannot be read as a secret in UTF-8 ({reason}).")
    return found, faults


def _secret_in(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):
        # A pipe that nobody writes to would be waited for without end.
        raise ValueError("no regular file")
    with path.open("rb") as file:
        text = file.read(_MAX_SECRET_BYTES + 1)
    if len(text) > _MAX_SECRET_BYTES:
        raise ValueError("too long")
    # Editors and `echo` end a file with a line end, and some begin it with a mark: neither is part of the secret.
    secret = text.decode("utf-8-sig").rstrip("\r\n")
    if not secret or "\0" in secret:
        raise ValueError("empty, or not text")
    return secret


def _text_of(place: tuple[int | str, ...], message: str) -> str:
    # No variable, where several do not go together.
    variable = f"{str(place[0]).upper()}: " if place else ""
    return f"{variable}{message.removeprefix(_OF_PYDANTIC).removesuffix('.')}."
