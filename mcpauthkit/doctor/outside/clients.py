"""What the reference clients insist on, as a table.

Seen on the wire in November 2026 with the released programs, each server broken in one thing at a time; for Cursor and
Claude on the web, which cannot be watched, what their documentation and the SDK they are built with say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Registration = Literal["document", "dynamic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceClient:
    """One client, and where it is stricter than others.

    Args:
        name: What people call it.
        registers: How it gets a client id where nobody gave it one.
        needs_401: Whether a 403 in its place does not make it sign in.
        refuses_root_document: Whether a document at the root has to name the bare origin.
        allows_resource_slash: Whether `resource` may have a slash too many.
        looks_beyond_pointer: Whether it tries the well-known places where the challenge's address leads nowhere.
        compares_issuer: Whether `issuer` has to be the string it came by.
        needs_response_types: Whether metadata without `response_types_supported` is refused.
        insists_on_s256: Whether a list of PKCE methods has to hold S256.
    """

    name: str
    registers: tuple[Registration, ...]
    needs_401: bool = True
    refuses_root_document: bool = False
    allows_resource_slash: bool = False
    looks_beyond_pointer: bool = True
    compares_issuer: bool = True
    needs_response_types: bool = False
    insists_on_s256: bool = False


_DYNAMIC: tuple[Registration, ...] = ("dynamic",)
_BOTH: tuple[Registration, ...] = ("document", "dynamic")

REFERENCE_CLIENTS = (
    ReferenceClient(
        name="VS Code Copilot",
        registers=_BOTH,
        needs_401=False,
        refuses_root_document=True,
        compares_issuer=False,
    ),
    ReferenceClient(
        name="Claude Code", registers=_BOTH, needs_401=False, needs_response_types=True, insists_on_s256=True
    ),
    ReferenceClient(name="Claude (web and desktop)", registers=_BOTH, needs_response_types=True, insists_on_s256=True),
    ReferenceClient(
        name="Cursor",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        compares_issuer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
    ReferenceClient(name="Codex CLI", registers=_BOTH, needs_401=False, insists_on_s256=True),
    ReferenceClient(
        name="opencode",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        compares_issuer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
    ReferenceClient(
        name="MCP Inspector",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
    ReferenceClient(
        name="mcp-remote",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
    ReferenceClient(name="FastMCP client", registers=_DYNAMIC, allows_resource_slash=True),
    ReferenceClient(name="Python SDK 2", registers=_DYNAMIC, allows_resource_slash=True),
    ReferenceClient(name="Python SDK 1", registers=_DYNAMIC, allows_resource_slash=True),
    ReferenceClient(
        name="TypeScript SDK 2",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
    ReferenceClient(
        name="TypeScript SDK 1",
        registers=_DYNAMIC,
        looks_beyond_pointer=False,
        compares_issuer=False,
        needs_response_types=True,
        insists_on_s256=True,
    ),
)
"""Those of people first, then what clients are built with."""
