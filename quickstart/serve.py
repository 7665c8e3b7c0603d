"""Keeps the example running for a person with an MCP client of their own."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
from rich.console import Console

from mcpauthkit.testing import client_settings
from quickstart.playground import Playground, playground
from quickstart.settings import Settings


async def serve(console: Console, settings: Settings) -> int:
    """Serve until interrupted.

    Args:
        console: Where to say what is where.
        settings: What is real; stand-ins are started for the rest.

    Returns:
        The exit code, always 0.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    # Which requests were refused and why, and how people were asked: one line per decision, never a secret.
    logging.getLogger("mcpauthkit").setLevel(logging.INFO)
    # Listened for from here on, so that an early Ctrl-C stops everything in order, too.
    with _interruption() as interrupted, playground(settings) as running:
        _say_where(console, running)
        _say_how(console, running)
        console.print("\nRunning. Press Ctrl-C to stop.", style="bold")
        await interrupted()
        console.print("\nStopping.")
    return 0


def _say_where(console: Console, running: Playground) -> None:
    settings = running.settings
    issuer_note = "embedded; users alice and bob, no password" if running.issuer else "yours"
    service_note = "embedded; accounts octo-alice and octo-bob" if running.service else "yours"
    console.print("\nThe example server is running", style="bold")
    for notice in running.notices:
        console.print(f"  Note: {notice}", style="yellow")
    _row(console, "MCP server", settings.mcp_url, "tools whoami and list_repos")
    _row(console, "Connections", f"{settings.base_url}/connections", "what users have connected, and where they end it")
    _row(console, "Issuer", settings.issuer_url, issuer_note)
    _row(console, settings.github_name, settings.github_api_url, service_note)
    if running.service is None:
        console.print("  GitHub has to know the callback address of its OAuth app:")
        _paste(console, f"{settings.base_url}/connect/github/callback")


def _say_how(console: Console, running: Playground) -> None:
    console.print("\nSettings to paste", style="bold")
    for one in client_settings(running.settings.mcp_url, name="quickstart"):
        console.print(f"  {one.client} ({one.where}):")
        _paste(console, one.text)
    console.print("\nThen ask your assistant", style="bold")
    console.print("  Who am I on the quickstart server?   List my repositories.")


def _row(console: Console, name: str, address: str, note: str) -> None:
    console.print(f"  {name:<11} {address}")
    console.print(f"  {'':<11} {note}", style="dim")


def _paste(console: Console, text: str) -> None:
    # Never wrapped: what is pasted has to be whole.
    for line in text.splitlines():
        console.print(f"    {line}", style="cyan", soft_wrap=True)


@contextmanager
def _interruption() -> Iterator[Callable[[], Awaitable[None]]]:
    """Something to wait for: Ctrl-C, or a polite request of the system to end."""
    if sys.platform == "win32":  # there the exception that Ctrl-C raises has to do
        yield anyio.sleep_forever
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:

        async def first() -> None:
            async for _ in signals:
                return

        yield first
