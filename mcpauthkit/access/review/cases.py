"""Tests of policies, as files beside them: who wants what, and what has to come of it.

They are read as strictly as policies are: a test that says something else than its author meant is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from mcpauthkit.access.policy.document import Effect
from mcpauthkit.access.policy.reading import describe
from mcpauthkit.access.policy.values import ListOf, Name, Part, Text, Texts, refuse
from mcpauthkit.access.request import AccessRequest, Action, Caller, Kind, Target
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.principal import Principal

NOBODY = "nobody"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When a test takes place that does not say when: a Monday."""
ISSUER = "https://issuer.test"
"""Who vouches for users of whom a test does not say it."""

_KINDS = {"call": Kind.TOOL, "read": Kind.RESOURCE, "get": Kind.PROMPT}


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise refuse("moment", "Write date and time as in 2026-11-23T12:00:00+01:00.") from None
    if moment.tzinfo is None:
        raise refuse("moment_without_zone", "Say the zone too, as in 2026-11-23T12:00:00+01:00, or with a Z for UTC.")
    return moment


class User(Part):
    """Somebody who is signed in.

    Args:
        subject: The subject of their token.
        issuer: Who vouches for them.
        roles: Their roles.
        scopes: The scopes of their token.
        client: The OAuth client they use.
        tenant: Their organisation: the claim `tenant`.
        claims: Further claims of their token.
        connected: The services they have connected.
    """

    subject: Text
    issuer: Text = ISSUER
    roles: Texts | None = None
    scopes: Texts | None = None
    client: Text | None = None
    tenant: Text | None = None
    claims: dict[str, Any] = Field(default_factory=dict)
    connected: Texts | None = None

    def principal(self) -> Principal:
        """The principal that a verified token of theirs would give."""
        told = {"sub": self.subject, "iss": self.issuer, **self.claims}
        if self.tenant is not None:
            told["tenant"] = self.tenant
        return Principal(
            told,
            issuer=self.issuer,
            subject=self.subject,
            expires_at=None,
            client_id=self.client,
            scopes=frozenset(self.scopes or ()),
            roles=frozenset(self.roles or ()),
        )


class Case(Part):
    """One test.

    Args:
        name: What it shows.
        user: The name of one of the file's users, a user written out, or `nobody`.
        call: The tool that is called.
        read: The address that is read.
        get: The prompt that is got.
        listed: What is looked for in a list; `list` in files.
        kind: What kind of thing that is; a tool unless it says so.
        arguments: What the tool is called with.
        tags: The tags of what is asked for.
        namespace: The namespace of the mounted server it comes from.
        transport: How the request came.
        at: When; a Monday at noon, UTC, unless given.
        conditions: What custom conditions answer, by name; one that is not named cannot be evaluated.
        expect: What has to come of it.
        by: The rule that has to decide it.
    """

    name: Name
    user: Annotated[
        Annotated[Name, Tag("name")] | Annotated[User, Tag("written out")],
        Discriminator(lambda given: "name" if isinstance(given, str) else "written out"),
    ]
    call: Text | None = None
    read: Text | None = None
    get: Text | None = None
    listed: Text | None = Field(None, alias="list")
    kind: Literal["tool", "resource", "template", "prompt"] | None = None
    arguments: dict[str, Any] | None = None
    tags: Texts | None = None
    namespace: Text | None = None
    transport: Literal["http", "sse", "stdio", "memory"] = "http"
    at: Annotated[datetime, BeforeValidator(_moment)] | None = None
    conditions: dict[Name, bool] = Field(default_factory=dict)
    expect: Effect
    by: Name | None = None

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        named = [name for name in ("call", "read", "get", "listed") if getattr(self, name) is not None]
        if len(named) != 1:
            raise refuse("one_request", "Say one of `call`, `read`, `get` and `list`: what is asked for.")
        if self.kind is not None and self.listed is None:
            raise refuse("kind_of_list", "`kind` goes with `list` alone: the other words say what kind it is.")
        if self.arguments is not None and self.call is None:
            raise refuse("arguments_of_call", "`arguments` go with `call` alone: nothing else has any.")
        return self

    @property
    def target(self) -> Target:
        """What is asked for."""
        kind, _ = self._use
        asked = next(text for text in (self.call, self.read, self.get, self.listed) if text is not None)
        uri = asked if kind in {Kind.RESOURCE, Kind.TEMPLATE} else ""
        return Target(kind, asked, uri=uri, namespace=self.namespace or "", tags=frozenset(self.tags or ()))

    @property
    def action(self) -> Action:
        """What is done with it."""
        return self._use[1]

    @property
    def _use(self) -> tuple[Kind, Action]:
        for name, kind in _KINDS.items():
            if getattr(self, name) is not None:
                return kind, Action(name)
        return Kind(self.kind or Kind.TOOL), Action.LIST


class CaseFile(Part):
    """A file of tests.

    Args:
        policies: The policies under test: files and folders, as seen from this file; without it, the file of
            the same name without `.test`.
        users: Users by name.
        tests: The tests.
    """

    policies: Texts | None = None
    users: dict[Name, User] = Field(default_factory=dict)
    tests: Annotated[tuple[Case, ...], ListOf, Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_known_and_their_own(self) -> Self:
        if NOBODY in self.users:
            raise _at("nobody_is_nobody", f"{NOBODY!r} is whoever has not signed in.", "users", NOBODY)
        seen: set[str] = set()
        for number, case in enumerate(self.tests):
            if case.name in seen:
                raise _at("duplicate_test", f"There is a test named {case.name!r} above.", "tests", number, "name")
            seen.add(case.name)
            if isinstance(case.user, str) and case.user not in {NOBODY, *self.users}:
                known = ", ".join([NOBODY, *self.users])
                raise _at("unknown_user", f"There is no user {case.user!r}; there is {known}.", "tests", number, "user")
        return self


def request_of(case: Case, users: Mapping[str, User], at: datetime | None = None) -> AccessRequest:
    """What a test asks.

    Args:
        case: The test.
        users: The users it may name.
        at: Another time than its own.
    """
    user = users.get(case.user) if isinstance(case.user, str) else case.user
    caller = caller_of(user, at or case.at or NOON, case.transport)
    arguments = (case.arguments or {}) if case.action is Action.CALL else None
    return AccessRequest(caller, case.target, case.action, arguments)


def caller_of(user: User | None, now: datetime, transport: str) -> Caller:
    """A user as the caller of a request.

    Args:
        user: The user; None for nobody.
        now: The time, with a zone.
        transport: How the request comes.
    """
    if user is None:
        return Caller(principal=None, now=now, transport=transport)
    connected = frozenset(user.connected or ())
    return Caller(principal=user.principal(), now=now, connected=connected, transport=transport)


def case_of(values: Mapping[str, Any]) -> Case:
    """A test that is not in a file, from what would stand there.

    Args:
        values: Its keys and values.

    Raises:
        ConfigurationError: It would be refused in a file.
    """
    try:
        return CaseFile.model_validate({"tests": [values]}, by_alias=True, by_name=False).tests[0]
    except ValidationError as error:
        told = " ".join(describe(one, None, CaseFile) for one in error.errors(include_url=False))
        raise ConfigurationError(told, hint="Say one of --call, --read, --get and --list, and --subject.") from None


def _at(kind: str, text: str, *path: str | int) -> PydanticCustomError:
    return PydanticCustomError(kind, "{text}", {"text": text, "path": path})
