"""What stands in the fences of the pages, and how each page's are run.

A page's Python runs as pasted, block after block in one namespace, by `test_snippets.py`, unless `RUN_BY` names the
module that does it better. What a comment directly above a fence says is an exception:

- `<!-- alone -->`: a namespace of its own.
- `<!-- before -->`: what readers have, not what they write; it is compiled only, since what it imports is not here.
- `<!-- raises NAME -->`: it is refused with this error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_FENCE: Final = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>[^\s`]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)

RUN_BY: Final[dict[str, str]] = {
    "README.md": "tests/docs/test_readme.py",
    "docs/audit.md": "tests/docs/test_audit.py",
    "docs/clients/sdk.md": "tests/docs/test_clients.py",
    "docs/commands.md": "tests/docs/test_commands.py",
    "docs/guards.md": "tests/docs/test_guards.py",
    "docs/issuers/auth0.md": "tests/docs/test_issuers.py",
    "docs/issuers/entra.md": "tests/docs/test_issuers.py",
    "docs/issuers/keycloak.md": "tests/docs/test_issuers.py",
    "docs/issuers/okta.md": "tests/docs/test_issuers.py",
    "docs/issuers/other.md": "tests/docs/test_issuers.py",
    "docs/leg-1.md": "tests/docs/test_leg_one.py",
    "docs/migrating/hand-written.md": "tests/docs/test_migrating.py",
    "docs/migrating/mcp-auth-guard.md": "tests/docs/test_migrating.py",
    "docs/migrating/mcp-auth-middleware.md": "tests/docs/test_migrating.py",
    "docs/migrating/mcp-authkit.md": "tests/docs/test_migrating.py",
    "docs/policies.md": "tests/docs/test_policies.py",
    "docs/start.md": "tests/docs/test_start.py",
    "docs/services.md": "tests/docs/test_services_page.py",
    "docs/settings.md": "tests/docs/test_settings.py",
    "docs/state.md": "tests/docs/test_state.py",
    "docs/telemetry.md": "tests/docs/test_telemetry.py",
    "docs/testing.md": "tests/docs/test_testing.py",
    "docs/two-legs.md": "tests/docs/test_start.py",
}
"""Pages whose Python a test module of their own runs; it says what comes of it, which the generic one cannot know."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One fence of a page."""

    page: str
    line: int
    language: str
    mark: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page, by its path from the root."""
    below = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return ["README.md", "CHANGELOG.md", "docs/llms.txt", *below]


def text_of(page: str) -> str:
    """What stands on a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def snippets_on(page: str, *languages: str) -> list[Snippet]:
    """A page's fences in their order; those in some languages, or all."""
    text = text_of(page)
    found = [
        Snippet(
            page=page,
            line=text.count("\n", 0, match.start("language")) + 1,
            language=match["language"],
            mark=match["mark"] or "",
            code="".join(line.removeprefix(match["indent"]) for line in match["body"].splitlines(keepends=True)),
        )
        for match in _FENCE.finditer(text)
    ]
    return [one for one in found if not languages or one.language in languages]


def all_snippets(*languages: str) -> list[Snippet]:
    """The fences of all pages."""
    return [one for page in pages() for one in snippets_on(page, *languages)]
