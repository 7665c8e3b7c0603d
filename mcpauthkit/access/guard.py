"""The guard: one condition on who is calling, which can say why it is not met; and how it is judged.

Theory of operation. A guard is met, not met, or cannot be evaluated: its check raised, took too long or returned
something that is neither True nor False. Only a guard that is met lets a call pass. "Cannot be evaluated" is kept apart
from "not met" because a negation would turn the latter into a pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, runtime_checkable

import anyio

from mcpauthkit.access.auth_check import ComponentCheck, asking, is_own_check, request_of
from mcpauthkit.access.request import AccessRequest
from mcpauthkit.core.application_code import place_of
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError

_log = RequestLog("access")

CHECK_SECONDS = 10.0
"""How long an asynchronous check may take that does not say so itself."""

_UNKNOWN = "Whether you may do this could not be checked, so it was not done. Try again in a moment."
_VAGUE = "This needs a permission that you do not have."


@runtime_checkable
class GuardLike(Protocol):
    """What can stand wherever a guard is wanted: anything with a `check`."""

    def check(self, request: AccessRequest) -> bool | Awaitable[bool]:
        """Whether a request may pass; may be asynchronous, and has to be where it waits for something."""
        ...


class Verdict(NamedTuple):
    """What judging a guard gave.

    Args:
        is_met: Whether it is met; None where that could not be evaluated.
        denial: What a caller reads who may not pass; empty where it is met.
    """

    is_met: bool | None
    denial: str = ""


class Guard:
    """A condition of yours on who is calling: subclass it and write `check`.

    Guards combine with `&`, `|` and `~`, stand in `require(...)` and in FastMCP's `auth=`. A class with nothing
    but a `check` is a guard as well; in `auth=`, and with the operators, it has to be a subclass.

    Attributes:
        check_seconds: How long an asynchronous check may take; after that it has failed.
    """

    check_seconds: float = CHECK_SECONDS

    def check(self, request: AccessRequest) -> bool | Awaitable[bool]:
        """Whether a request may pass; may be asynchronous, and has to be where it waits for something."""
        raise NotImplementedError(f"{type(self).__name__} has no check(request).")

    def describe_denial(self, request: AccessRequest) -> str:  # noqa: ARG002  # for those who override it
        """What a caller reads who may not: what is needed, and what they have."""
        return _VAGUE

    def describe(self) -> str:
        """What it asks for, in a few words, for sentences such as "Not allowed with ..."."""
        return type(self).__name__

    async def judge(self, request: AccessRequest) -> Verdict:
        """Check a request; combinations override this to judge their parts."""
        return await _judged(self, request)

    async def __call__(self, context: ComponentCheck) -> bool:
        """Check what FastMCP gives to its `auth=` checks."""
        here = asking.get()
        is_own = here is not None and is_own_check(context, self)
        if here is not None and is_own and here.postponed is not None:
            here.postponed.append(self)
            return True
        request = request_of(context)
        is_met = (await self.judge(request)).is_met is True
        if here is not None and is_own and not is_met:
            here.hidden.append(request.target.uri or request.target.name)
        return is_met

    def __and__(self, other: GuardLike) -> Guard:
        return AllOf(self, other)

    def __rand__(self, other: GuardLike) -> Guard:
        return AllOf(other, self)

    def __or__(self, other: GuardLike) -> Guard:
        return AnyOf(self, other)

    def __ror__(self, other: GuardLike) -> Guard:
        return AnyOf(other, self)

    def __invert__(self) -> Guard:
        return Not(self)

    def __bool__(self) -> NoReturn:
        # `a and b` is b alone, and FastMCP takes an instance that `auth=SomeGuard` makes, the class, for a yes.
        raise ConfigurationError(
            f"{type(self).__name__} was taken for a truth value.",
            hint="Combine guards with &, | and ~ instead of and, or and not; give auth= a guard, not its class.",
        )


class _Combination(Guard):
    """A guard made of others: it judges them, and its check is what comes of that."""

    async def check(self, request: AccessRequest) -> bool:
        """Whether it is met."""
        return (await self.judge(request)).is_met is True


class AllOf(_Combination):
    """Met when every part is; its denial names every part that is not.

    Args:
        guards: The parts.

    Raises:
        ConfigurationError: There is none, or one is no guard.
    """

    def __init__(self, *guards: GuardLike) -> None:
        self.guards = check_guards(guards, "AllOf")

    def describe(self) -> str:
        """What all of its parts ask for."""
        return f"({' and '.join(map(requirement_of, self.guards))})"

    def describe_denial(self, request: AccessRequest) -> str:
        """What its parts have to say; `judge` leaves out those that are met."""
        return "; and: ".join(denial_of(one, request) for one in self.guards)

    async def judge(self, request: AccessRequest) -> Verdict:
        """Judge every part."""
        verdicts = [await judge(one, request) for one in self.guards]
        failed = [one for one in verdicts if one.is_met is not True]
        if not failed:
            return Verdict(is_met=True)
        is_met = False if any(one.is_met is False for one in failed) else None
        return Verdict(is_met, _joined(failed, "; and: "))


class AnyOf(_Combination):
    """Met when one part is; its denial names all that would do.

    Args:
        guards: The parts.

    Raises:
        ConfigurationError: There is none, or one is no guard.
    """

    def __init__(self, *guards: GuardLike) -> None:
        self.guards = check_guards(guards, "AnyOf")

    def describe(self) -> str:
        """What one of its parts asks for."""
        return f"({' or '.join(map(requirement_of, self.guards))})"

    def describe_denial(self, request: AccessRequest) -> str:
        """What its parts have to say."""
        return "; or: ".join(denial_of(one, request) for one in self.guards)

    async def judge(self, request: AccessRequest) -> Verdict:
        """Judge the parts until one is met."""
        failed = []
        for one in self.guards:
            verdict = await judge(one, request)
            if verdict.is_met is True:
                return verdict
            failed.append(verdict)
        is_met = None if any(one.is_met is None for one in failed) else False
        return Verdict(is_met, _joined(failed, "; or: "))


class Not(_Combination):
    """Met by callers who are signed in and do not meet the part.

    Nobody does not pass: what is not known of a caller cannot be denied.

    Args:
        guard: The part.

    Raises:
        ConfigurationError: It is no guard.
    """

    def __init__(self, guard: GuardLike) -> None:
        (self.guard,) = check_guards((guard,), "Not")

    def describe(self) -> str:
        """What it forbids."""
        return f"not {requirement_of(self.guard)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What it forbids, or that nobody is signed in."""
        return f"Not allowed with {requirement_of(self.guard)}" if request.principal is not None else SIGN_IN

    async def judge(self, request: AccessRequest) -> Verdict:
        """Judge the part."""
        if request.principal is None:
            return Verdict(is_met=None, denial=SIGN_IN)
        verdict = await judge(self.guard, request)
        match verdict.is_met:
            case False:
                return Verdict(is_met=True)
            case True:
                return Verdict(is_met=False, denial=self.describe_denial(request))
            case None:
                return verdict


SIGN_IN = "Requires authentication: sign in, and call again with the access token"
"""What is said to nobody."""


def check_guards(guards: Sequence[object], user: str) -> tuple[GuardLike, ...]:
    """Guards as given by a caller.

    Args:
        guards: What was given.
        user: The name of the function or class they were given to, for the message.

    Raises:
        ConfigurationError: There is none, or one is no guard.
    """
    if not guards:
        # An empty condition would be met by everybody, which is hardly meant.
        raise ConfigurationError(f"{user}() got no guard.", hint=f'Write {user}(HasRole("admin")).')
    return tuple(_checked(one, user) for one in guards)


async def judge(guard: GuardLike, request: AccessRequest) -> Verdict:
    """Judge one guard, whether it is a subclass of `Guard` or has nothing but a check.

    Args:
        guard: The guard.
        request: What is to be decided.
    """
    return await (guard.judge(request) if isinstance(guard, Guard) else _judged(guard, request))


async def denied_by(guards: Sequence[GuardLike], request: AccessRequest) -> str | None:
    """What the first of several guards says that is not met; None when all are.

    Args:
        guards: The guards, in the order in which they are checked.
        request: What is to be decided.
    """
    for one in guards:
        verdict = await judge(one, request)
        if verdict.is_met is not True:
            return verdict.denial or _VAGUE
    return None


def denial_of(guard: GuardLike, request: AccessRequest) -> str:
    """What a caller reads who does not meet a guard; its own text may be missing or fail.

    Args:
        guard: The guard.
        request: What was decided.
    """
    describe = getattr(guard, "describe_denial", None)
    if describe is None:
        return _VAGUE
    try:
        text = describe(request)
    except Exception as error:  # noqa: BLE001  # an edge: the application's own code; the call is denied all the same
        _log.error("guard cannot say why it denies guard=%s error=%s", _name_of(guard), place_of(error))
        return _VAGUE
    return text if isinstance(text, str) and text else _VAGUE


def requirement_of(guard: GuardLike) -> str:
    """What a guard asks for, in a few words."""
    return guard.describe() if isinstance(guard, Guard) else type(guard).__name__


async def _judged(guard: GuardLike, request: AccessRequest) -> Verdict:
    try:
        found: Any = guard.check(request)
        # Most checks answer at once, and lists ask a thousand times.
        if found is not True and found is not False and inspect.isawaitable(found):
            with anyio.fail_after(getattr(guard, "check_seconds", CHECK_SECONDS)):
                found = await found
    except Exception as error:  # noqa: BLE001  # an edge: the application's own code, which fails closed
        _log.error("guard failed, so it denied guard=%s error=%s", _name_of(guard), place_of(error))
        return Verdict(is_met=None, denial=_UNKNOWN)
    if found is True:
        return Verdict(is_met=True)
    if found is False:
        return Verdict(is_met=False, denial=denial_of(guard, request))
    _log.error("guard returned neither True nor False guard=%s type=%s", _name_of(guard), type(found).__name__)
    return Verdict(is_met=None, denial=_UNKNOWN)


def _joined(verdicts: Sequence[Verdict], word: str) -> str:
    """What several parts have to say, each sentence once; in brackets where it is itself made of several."""
    denials = [one.denial for one in verdicts]
    if len(denials) > 1:
        denials = [f"({one})" if "; or: " in one or "; and: " in one else one for one in denials]
    return word.join(dict.fromkeys(denials))


def _checked(guard: object, user: str) -> GuardLike:
    if inspect.isclass(guard):
        raise ConfigurationError(
            f"{user}() got the class {guard.__name__}, which is no guard yet.", hint=f"Write {guard.__name__}(...)."
        )
    if not isinstance(guard, GuardLike):
        raise ConfigurationError(
            f"{user}() got a {type(guard).__name__}, which is no guard.",
            hint='Give guards such as HasRole("admin"), or an object with a method check(self, request).',
        )
    return guard


def _name_of(guard: object) -> str:
    return type(guard).__name__
