"""Processes of the image, run as containers would be.

Nothing of ours is in their environment, and they can write to one folder alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from tests.deployment.image import Image

_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1
# Everything read-only but one folder, in a mount namespace of the process's own.
_READ_ONLY: Final = (
    'mount -o remount,bind,ro / && mount --bind "$1" "$1" && mount -o remount,bind,rw "$1" && shift && exec "$@"'
)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
        assert isinstance(port, int)
        return port


def read_only(writable: Path) -> Sequence[str]:
    """What a command is put behind so that it writes to one folder alone; nothing where only root may arrange that."""
    if os.geteuid() != 0:
        return ()
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", _READ_ONLY, "sh", str(writable))


@contextmanager
def running(
    image: Image, command: Sequence[str], told: Mapping[str, str], words: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the image.

    Args:
        image: What it belongs to.
        command: Its command, as the image, the compose file or the chart has it.
        told: Its environment besides that of the image.
        words: Where what it says goes.
    """
    home = words.with_suffix(".home")
    home.mkdir()
    environment = {**image.environment(home), **told}
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None, command
    with words.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  # commands of ours
            [*read_only(home), program, *command[1:]],
            cwd=image.folder / "app",
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_START_SECONDS)
            finally:
                process.kill()
                process.wait()


def answer_of(process: subprocess.Popen[bytes], url: str, words: Path, *, status: int = 200) -> httpx.Response:
    """The first answer with this status, while the process lives."""
    end = time.monotonic() + _START_SECONDS
    seen = "nothing"
    while time.monotonic() < end:
        try:
            response = httpx.get(url)
        except httpx.TransportError as error:
            seen = type(error).__name__
        else:
            if response.status_code == status:
                return response
            seen = response.text
        with suppress(subprocess.TimeoutExpired):
            seen = f"ended with {process.wait(_LOOK_SECONDS)}"
            break
    raise AssertionError(f"{url}: {seen}\n{words.read_text(encoding='utf-8')}")
