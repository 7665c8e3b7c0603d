"""Functions of the application's own that the kit calls: checked when they are given, and told by place when they fail.

What they raise may quote what users typed, so its text goes nowhere.
"""

from __future__ import annotations

import functools
import inspect
import sysconfig
import traceback
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType

from mcpauthkit.errors import ConfigurationError

# Ours, and what Python generates, such as the constructors of data classes.
_NOT_THEIRS = str(Path(__file__).parents[1]), "<string>"
_PLAIN = (FunctionType, MethodType, BuiltinFunctionType)
_LIBRARIES = "stdlib", "platstdlib", "purelib", "platlib"


def check_async_function(function: object, argument: str, *, example: str) -> None:
    """Refuse what cannot be awaited with one argument.

    Args:
        function: What the application gave.
        argument: For which argument.
        example: How such a function begins.

    Raises:
        ConfigurationError: It is no function, not async, or takes another number of arguments.
    """
    problem = _problem_of(function)
    if problem:
        raise ConfigurationError(f"{argument} is {problem}.", hint=f"Give an async function: `{example}`.")


def place_of(error: BaseException) -> str:
    """The type of what an application's function raised, and the innermost line of its code that it went through.

    Args:
        error: What was raised.
    """
    lines = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__))
    theirs = [(path, line) for path, line in lines if not path.startswith(_NOT_THEIRS)]
    installed = tuple(sysconfig.get_path(one) for one in _LIBRARIES)
    # An application may be installed where libraries are; then the function that was called has to do.
    own = [(path, line) for path, line in theirs if not path.startswith(installed)] or theirs[:1]
    name = type(error).__name__
    return f"{name} at {own[-1][0]}:{own[-1][1]}" if own else name


def _problem_of(function: object) -> str:
    if inspect.isclass(function):
        return f"the class {function.__name__}, whose instances may be meant"
    if not callable(function):
        return f"a {type(function).__name__}"
    # An object's own `__call__` may return an awaitable without being async.
    if isinstance(function, (*_PLAIN, functools.partial)) and not inspect.iscoroutinefunction(function):
        return "not async"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "a function that does not take one argument"
    except ValueError:
        # Compiled code may not tell.
        return ""
    return ""
