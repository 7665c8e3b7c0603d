"""Custom conditions: functions of the application that policies name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping

from mcpauthkit.access.request import AccessRequest
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError

CustomFunction = Callable[[AccessRequest], bool]
"""Says whether a request meets it. In a list, nobody knows the arguments: they are None."""

_log = RequestLog("access")


def check_custom(functions: Mapping[str, CustomFunction]) -> None:
    """Refuse what cannot be asked during a decision.

    Args:
        functions: The functions, by name.

    Raises:
        ConfigurationError: One is no function, a class, or async.
    """
    for name, function in functions.items():
        problem = _problem_of(function)
        if problem:
            raise ConfigurationError(
                f"The condition {name!r} is {problem}.",
                hint="Give a function: `def condition(request: AccessRequest) -> bool`. What it has to look up should "
                "be known beforehand, such as from the token: every decision waits for it.",
            )


def ask_custom(name: str, function: CustomFunction, request: AccessRequest) -> bool | None:
    """What one says of a request; None where it failed or said something else than true or false.

    Args:
        name: The name it is registered under.
        function: The function.
        request: The request.
    """
    try:
        answer: object = function(request)
    except Exception as error:  # noqa: BLE001  # the application's own code: it may raise anything, and opens nothing
        # Not its text, which may quote an argument.
        _log.warning("condition.failed condition=%r error=%s", name, type(error).__name__)
        return None
    if isinstance(answer, bool):
        return answer
    _log.warning("condition.failed condition=%r error=%s is no bool", name, type(answer).__name__)
    return None


def _problem_of(function: object) -> str:
    if inspect.isclass(function):
        return f"the class {function.__name__}, whose instances may be meant"
    if not callable(function):
        return f"a {type(function).__name__}, not a function"
    plain = function.func if isinstance(function, functools.partial) else function
    if inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(type(plain).__call__):
        return "async, and decisions do not wait"
    return ""
