"""Where an issuer puts scopes, roles, the client and the subject: paths into the claims of a token.

A path is tried as the name of a claim first, because some names are URLs or hold dots (`https://acme.example/roles`,
`cognito:groups`), and is then split at its dots. The step `*` goes through every member, and what is found behind it
carries that member's name in front: `resource_access.*.roles` gives `billing:admin`, because the role of one client
must not count as the role of another. A colon in the role names of the map's other paths is written `%3A` then (and
`%` as `%25`), because a role called `billing:admin` that everybody may be given must not count as that one either.

An object of roles, as Zitadel has it (`{"admin": {"163840776835432705": "acme.example"}}`), gives each role with the
organisation that gave it behind: `admin@163840776835432705`. Where a project is granted to other organisations, their
owners hand out its roles too, and must not make administrators of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mcpauthkit.errors import ConfigurationError, InvalidToken

_MAX_SUBJECT_LENGTH = 255
_MAX_NAMES = 512
_MAX_PATHS = 32
_EVERY_MEMBER = "*"
_TEXT = frozenset({str})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMap:
    """Which claims of an issuer's tokens hold what; a field left out keeps what the issuer's profile says.

    Each field is a path or a list of paths; see the module.

    Args:
        scopes: Where scopes are: space-separated texts or lists. What all of them hold counts together.
        roles: Where roles are: one role as a text, lists, or objects of roles and who gave them, see the module. All
            count together, so a group `admin` is the role `admin` where both are read.
        client_id: Where the client is; the first that holds a text counts.
        subject: Where the subject is; the first one that is there at all counts. It has to be in ID tokens too, and
            the same there, for the connect pages to recognise who signed in.
        app_scopes: Read instead of `scopes` in a token that has none of those, as tokens of applications that act for
            no user.

    Raises:
        ConfigurationError: A path cannot be read.
    """

    scopes: str | Sequence[str] | None = None
    roles: str | Sequence[str] | None = None
    client_id: str | Sequence[str] | None = None
    subject: str | Sequence[str] | None = None
    app_scopes: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                paths = (value,) if isinstance(value, str) else tuple(value)
                _check_paths(field.name, paths)
                object.__setattr__(self, field.name, paths)

    def over(self, base: ClaimMap) -> ClaimMap:
        """This map, with the other one's fields where this one has none."""
        mine = {field.name: getattr(self, field.name) for field in fields(self)}
        return ClaimMap(**{name: getattr(base, name) if paths is None else paths for name, paths in mine.items()})


def _check_paths(name: str, paths: tuple[Any, ...]) -> None:
    for path in paths:
        if not isinstance(path, str) or not path or not path.isprintable():
            raise ConfigurationError(
                f"ClaimMap({name}=...) holds {path!r}, which is no path.", hint='Write "realm_access.roles", for one.'
            )
        steps = path.split(".")
        if _EVERY_MEMBER in steps and (
            name in {"client_id", "subject"} or steps[0] == _EVERY_MEMBER or steps.count(_EVERY_MEMBER) > 1
        ):
            raise ConfigurationError(
                f"ClaimMap({name}={path!r}) cannot have its `*` there.",
                hint="`*` stands once in a path, behind a claim's name, and only for scopes and roles.",
            )
    if len(paths) > _MAX_PATHS or (name in {"client_id", "subject"} and not paths):
        raise ConfigurationError(f"ClaimMap({name}=...) has {len(paths)} paths.", hint="Name the claims that matter.")


GENERIC_CLAIMS = ClaimMap(
    scopes=("scope", "scp"),
    roles=("roles", "realm_access.roles"),
    client_id=("client_id", "azp", "cid", "appid"),
    subject="sub",
    app_scopes=(),
)
"""What most issuers do; the base of every map."""

_Path = tuple[str, tuple[str, ...]]
_Reader = Callable[[Any, str], Iterable[str]]


class ClaimReader:
    """Reads claims as a map says.

    Args:
        claim_map: The map; what it leaves out is read as most issuers have it.
        scope_prefixes: Each scope is granted with each of these in front too, besides its name as it stands.
    """

    __slots__ = ("_app_scopes", "_client_id", "_read_roles", "_roles", "_scope_prefixes", "_scopes", "_subject")

    def __init__(self, claim_map: ClaimMap = GENERIC_CLAIMS, *, scope_prefixes: Sequence[str] = ()) -> None:
        full = claim_map.over(GENERIC_CLAIMS)
        self._scopes = _compiled(full.scopes)
        self._scope_prefixes = tuple(scope_prefixes)
        self._app_scopes = _compiled(full.app_scopes)
        self._roles = _compiled(full.roles)
        some_are_prefixed = any(_EVERY_MEMBER in steps for _, steps in self._roles)
        self._read_roles = _role_names_beside_prefixed if some_are_prefixed else _role_names
        self._client_id = _compiled(full.client_id)
        self._subject = _compiled(full.subject)

    def subject(self, claims: Mapping[str, Any]) -> str:
        """The subject.

        Raises:
            InvalidToken: It is missing, empty, too long or not text.
        """
        first = self._subject[0][0]
        value = claims[first] if first in claims else next(self._values(claims, self._subject), None)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_SUBJECT_LENGTH or not value.isprintable():
            names = " or ".join(f"`{name}`" for name, _ in self._subject)
            raise InvalidToken(
                hint=f"Configure the issuer to put the user's {names} into its tokens.",
                reason=f"{names} is missing, empty, too long or not text",
            )
        return value

    def client_id(self, claims: Mapping[str, Any]) -> str | None:
        """The OAuth client that obtained the token, when the token says so."""
        first = claims.get(self._client_id[0][0])
        if isinstance(first, str) and first:
            return first
        texts = (value for value in self._values(claims, self._client_id) if isinstance(value, str) and value)
        return next(texts, None)

    def scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Granted scopes.

        Raises:
            InvalidToken: They are neither text nor lists of texts.
        """
        names, found = self._names(claims, self._scopes, _scope_names)
        if not found and self._app_scopes:
            names, _ = self._names(claims, self._app_scopes, _scope_names)
        if self._scope_prefixes:
            names = names.union([prefix + name for prefix in self._scope_prefixes for name in names])
        return names

    def roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Roles the issuer asserts.

        Raises:
            InvalidToken: They are of another form than issuers use.
        """
        return self._names(claims, self._roles, self._read_roles)[0]

    @staticmethod
    def _values(claims: Mapping[str, Any], paths: tuple[_Path, ...]) -> Iterator[Any]:
        for name, steps in paths:
            if name in claims:
                yield claims[name]
            elif steps and steps[0] in claims:
                yield from (value for _, value in _below(claims[steps[0]], steps))

    @staticmethod
    def _names(claims: Mapping[str, Any], paths: tuple[_Path, ...], read: _Reader) -> tuple[frozenset[str], bool]:
        """The names at all paths together, and whether there was anything at one of them."""
        names: frozenset[str] = frozenset()
        found = False
        for name, steps in paths:
            if name in claims:
                found = True
                names = names.union(read(claims[name], ""))
            elif steps and steps[0] in claims:
                below = _below(claims[steps[0]], steps)
                found = found or bool(below)
                names = names.union(*(read(value, prefix) for prefix, value in below))
        return names, found


def _scope_names(value: Any, prefix: str) -> Iterable[str]:
    names = value.split()[:_MAX_NAMES] if isinstance(value, str) else _texts(value)
    return [prefix + name for name in names] if prefix else names


def _role_names(value: Any, prefix: str) -> Iterable[str]:
    if isinstance(value, str):
        # One role given as a text is one role, never its letters or words.
        names = [value] if value else []
    else:
        names = _members(value) if isinstance(value, dict) else _texts(value)
    return [prefix + name for name in names] if prefix else names


def _role_names_beside_prefixed(value: Any, prefix: str) -> Iterable[str]:
    names = _role_names(value, prefix)
    return names if prefix else [_escaped(name, ":") for name in names]


def _compiled(paths: str | Sequence[str] | None) -> tuple[_Path, ...]:
    return tuple((path, tuple(path.split(".")) if "." in path else ()) for path in paths or ())


def _below(claim: Any, steps: tuple[str, ...]) -> list[tuple[str, Any]]:
    """What is at a path below a claim, each with the text that stands in front of the names found there."""
    found: list[tuple[str, Any]] = [("", claim)]
    for step in steps[1:]:
        holders = [(prefix, holder) for prefix, holder in found if isinstance(holder, dict)]
        if step == _EVERY_MEMBER:
            found = [(_prefix(member), value) for _, holder in holders for member, value in holder.items()]
        else:
            found = [(prefix, holder[step]) for prefix, holder in holders if step in holder]
    return found


def _prefix(member: str) -> str:
    # Escaped, so that the first colon is always ours: the role `b:c` of a client `a` is not the role `c` of `a:b`.
    return f"{_escaped(member, ':')}:"


def _escaped(name: str, mark: str) -> str:
    return name.replace("%", "%25").replace(mark, f"%{ord(mark):02X}")


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list) and len(value) <= _MAX_NAMES and set(map(type, value)) <= _TEXT:
        return value
    raise InvalidToken(
        hint="If another claim holds them, name it in claims=ClaimMap(...).",
        reason="scopes or roles are neither text nor a list of texts",
    )


def _members(value: dict[str, Any]) -> list[str]:
    # Zitadel: {role: {organisation: domain}}, where a role nobody gave is not there.
    if all(isinstance(givers, dict) and givers for givers in value.values()):
        # Escaped, so that the last @ is always ours.
        names = [f"{role}@{_escaped(one, '@')}" for role, givers in value.items() for one in givers]
        if len(names) <= _MAX_NAMES:
            return names
    raise InvalidToken(
        hint="If another claim holds the roles, name it in claims=ClaimMap(roles=...).",
        reason="an object of roles whose members do not say who gave them",
    )
