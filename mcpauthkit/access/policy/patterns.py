"""Patterns that are bounded whatever they are matched with: regular expressions by RE2, and globs.

A backtracking engine takes exponential time for expressions such as `(a+)+$`, and whoever calls a tool chooses the
text; one call would hold every other. RE2 takes a number of steps that is at most the product of both sizes.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Final

import re2

from mcpauthkit.errors import ConfigurationError

_LARGEST_PROGRAM: Final = 5_000
_STEPS: Final = 20_000_000
_WILDCARDS: Final = re.compile(r"[*?\[]")
_CLASS: Final = re.compile(r"\[!?\]?[^\]]*\]")
_NOTHING: Final = fnmatch.translate("[z-a]")
_FIXES: Final = (
    ("invalid perl operator", "RE2 knows no look-ahead, look-behind or atomic groups: use a second condition instead."),
    ("invalid escape sequence: \\Z", r"The end of the text is written `$` or `\z`."),
    ("invalid escape sequence", "RE2 knows no back-references, and no escapes of other letters."),
    ("bad repetition operator", "RE2 knows no possessive repetition, and repeats nothing twice."),
    ("invalid repetition size", "At most 1,000 repetitions can be asked for, those of nested ones multiplied."),
    ("no argument for repetition operator", r"Put something before it, or a backslash to mean the character itself."),
    ("pattern too large", "Make it shorter, or its repetitions smaller."),
    ("missing", r"Close it, or put a backslash before it to mean the character itself."),
    ("unexpected )", r"Open it, or put a backslash before it to mean the character itself."),
)


class Pattern:
    """A regular expression, looked for anywhere in a text.

    Args:
        expression: In the syntax of RE2; `^` and `$` are the writer's.

    Raises:
        ConfigurationError: RE2 does not know it, or it is too large.
    """

    __slots__ = ("_longest", "_regexp", "expression")

    def __init__(self, expression: str) -> None:
        self.expression = expression
        options = re2.Options()
        # It would print to the process's standard error, which is the protocol's on stdio for some.
        options.log_errors = False
        options.never_capture = True
        try:
            # Bytes, as an expression of lone surrogates has none and would raise something else.
            self._regexp = re2.compile(expression.encode(), options)
        except re2.error as error:
            raise _refusal(expression, error.args[0].decode(errors="replace")) from None
        except UnicodeEncodeError:
            raise _refusal(expression, "invalid UTF-8") from None
        if self._regexp.programsize > _LARGEST_PROGRAM:
            raise _refusal(expression, "pattern too large")
        self._longest = _STEPS // max(self._regexp.programsize, 1)

    def is_in(self, text: str) -> bool | None:
        """Whether it is found in a text; None where that cannot be evaluated.

        Args:
            text: What to look in. One that has no UTF-8 form, or would take more than about a quarter of a second in
                the worst case, cannot be evaluated.
        """
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            return None
        return self._regexp.search(encoded) is not None if len(encoded) <= self._longest else None


class Glob:
    """A text with `*`, `?` and `[...]` as in file names, for a whole text; capitals count.

    Args:
        text: The glob.
    """

    __slots__ = ("_match", "is_exact", "is_prefix", "prefix", "text")

    def __init__(self, text: str) -> None:
        wildcard = _WILDCARDS.search(text)
        self.text = text
        self.prefix = text[: wildcard.start()] if wildcard else text
        """What every text begins with that it matches."""
        self.is_exact = wildcard is None
        """Whether it matches itself alone."""
        self.is_prefix = text == f"{self.prefix}*"
        """Whether it matches everything that begins so."""
        is_plain = self.is_exact or self.is_prefix
        # The translation never goes back over what a star has taken, so this one is bounded too.
        self._match = None if is_plain else re.compile(fnmatch.translate(text)).match

    def matches(self, text: str) -> bool:
        """Whether a text is one of those it stands for."""
        if self._match is not None:
            return self._match(text) is not None
        return text == self.text if self.is_exact else text.startswith(self.prefix)


def matches_nothing(glob: str) -> bool:
    """Whether no text can match a glob, because of characters in brackets that end before they begin: `[z-a]`.

    Args:
        glob: The glob.
    """
    return any(fnmatch.translate(found[0]) == _NOTHING for found in _CLASS.finditer(glob))


def _refusal(expression: str, problem: str) -> ConfigurationError:
    fix = next((fix for start, fix in _FIXES if problem.startswith(start)), "See RE2's syntax.")
    return ConfigurationError(f"The regular expression {expression!r} cannot be used: {problem}.", hint=fix)
