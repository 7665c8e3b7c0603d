"""Processes that the command line asks for: found in it, and warned of where the store is that of one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from mcpauthkit.web.workers import workers_asked_for
from tests.web.shop import Shop, start

SECONDS = 60.0
ROOT = Path(__file__).parents[2]


def build() -> object:
    """An application for one process."""
    return Shop("http://127.0.0.1:8000", None, None, store=None, policy=None, stateless=False).build()


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("/venv/bin/uvicorn main:app --workers 4", 4),
        ("/venv/lib/python3.12/site-packages/uvicorn/__main__.py --workers=4 main:app", 4),
        (r"uvicorn.exe main:app --workers 2", 2),
        ("gunicorn -w 3 -k uvicorn.workers.UvicornWorker main:app", 3),
        ("gunicorn -w3 main:app", 3),
        ("gunicorn -w 3 --workers 5 main:app", 5),
        ("fastapi run --workers 4 main.py", 4),
        ("uvicorn main:app --port 8000", None),
        ("uvicorn main:app --workers many", None),
        ("uvicorn main:app --workers", None),
        ("uvicorn main:app --workers-more 4 --watch 4", None),
        ("celery -A main worker --workers 4", None),
        ("", None),
    ],
)
def test_the_command_line_of_a_server_says_how_many_workers_there_are(command: str, count: int | None) -> None:
    assert workers_asked_for(command.split()) == count


def test_without_a_command_nothing_is_said() -> None:
    assert workers_asked_for([]) is None


async def test_it_counts_in_production_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_PRODUCTION", "1")
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "1")
    monkeypatch.setattr(sys, "argv", ["uvicorn", "main:app", "--workers", "4"])
    assert "--workers 4" in await start(Shop(policy=None).build())
    monkeypatch.setattr(sys, "argv", ["uvicorn", "main:app"])
    assert await start(Shop(policy=None).build()) == ""


@contextmanager
def served(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The application, by the server's own command; ended after a while if nobody did."""
    words = [sys.executable, "-m", "uvicorn", "--factory", f"{__name__}:build", "--port", "0", *options]
    with subprocess.Popen(  # noqa: S603  # our own interpreter and words
        words, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        # With its workers: as long as one of them lives, whoever reads what they say waits.
        clock = Timer(SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        clock.start()
        try:
            yield process
        finally:
            clock.cancel()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "two"])
def test_a_real_server_with_workers_is_warned_of_a_store_in_memory(options: tuple[str, ...]) -> None:
    said: list[str] = []
    with served(*options) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "Application startup complete" in line:
                break
    assert "Application startup complete" in said[-1], said
    assert any("TOKEN_STORAGE_MODE=redis" in line and "--workers 2" in line for line in said) == bool(options), said
