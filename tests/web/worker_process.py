"""An application in a worker that a server has started for it; a program, because what starts workers is one."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import anyio

from tests.web.shop import Shop, start


def work(production: bool, told: Any) -> None:
    """What the worker does."""
    told.put(anyio.run(start, Shop(store=None, middleware={"production": production}).build()))


def main() -> None:
    """Start the worker, and say what its server would be told."""
    spawning = multiprocessing.get_context("spawn")
    told = spawning.Queue()
    worker = spawning.Process(target=work, args=(sys.argv[1] == "production", told))
    worker.start()
    sys.stdout.write(told.get(timeout=60))
    worker.join(10)


if __name__ == "__main__":
    main()
