"""A redis-server of a benchmark's own: on loopback, empty, and gone with the benchmark."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 10.0
_EXIT_WITHOUT_SERVER = 2


@contextmanager
def redis_server(*options: str) -> Iterator[str]:
    """Run one while the block runs; gives its URL.

    Args:
        *options: Further arguments for the program, such as `--appendonly yes`.

    Raises:
        SystemExit: With status 2, the program is not installed; or with a text, it did not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        print("This needs the program redis-server; Debian has it as `apt-get install redis-server`.", file=sys.stderr)
        raise SystemExit(_EXIT_WITHOUT_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        log = Path(folder) / "redis.log"
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--logfile", str(log)]
        process = subprocess.Popen([program, *settings, *options])  # noqa: S603  # the arguments are ours
        try:
            _await_answer(port, process, log)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"redis-server did not start:\n{log.read_text() if log.exists() else '(it wrote no log)'}")
