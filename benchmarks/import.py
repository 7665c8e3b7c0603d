"""What importing the kit costs, on top of FastAPI and FastMCP, which its users import anyway.

    uv run python benchmarks/import.py

Each measurement is a process of its own, and the programs take turns, so that a busy moment of the machine meets all of
them; the differences are those of the medians. The first two lines are what the aim is about; the others are what a
program pays as soon as it asks for names, because the package itself loads nothing until then.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 15
AIM_MS = 150.0
BARE = "import fastapi, fastmcp"
# FastMCP is lazy too, and loads its server with this name.
USED = "from fastapi import FastAPI; from fastmcp import FastMCP"
LEG_1 = "from mcpauthkit import JwtAuthMiddleware, get_user, oauth_meta_router"
README = "from mcpauthkit import AuthKit, get_user"
BY_HAND = "from mcpauthkit import JwtAuthMiddleware, OAuthProvider, get_user, oauth_meta_router"
PROGRAMS = {
    "fastapi and fastmcp": BARE,
    "and the kit": f"{BARE}; import mcpauthkit",
    "FastAPI and FastMCP": USED,
    "and leg 1": f"{USED}; {LEG_1}",
    "and AuthKit, as in the README": f"{USED}; {README}",
    "and both legs, by hand": f"{USED}; {BY_HAND}",
    "and all names of the kit": f"{USED}; from mcpauthkit import *",
}
COMMANDS = {
    "mcpauthkit --help": ("-m", "mcpauthkit", "--help"),
    "mcpauthkit settings": ("-m", "mcpauthkit", "settings"),
}
# What `mcpauthkit settings` needs to find nothing wrong, and so to end with 0.
SETTINGS = {
    "MCPAUTHKIT_SERVER_BASE_URL": "https://mcp.example.com",
    "MCPAUTHKIT_ISSUER_URL": "https://login.example.com/realms/staff",
}


def measure(arguments: tuple[str, ...]) -> float:
    """Milliseconds of one process, from its start to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | SETTINGS
    started = time.perf_counter()
    subprocess.run(  # noqa: S603  # our own interpreter and programs of ours
        [sys.executable, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL
    )
    return (time.perf_counter() - started) * 1000


def main() -> int:
    """Print the medians and what each import adds; 1 if the aim is missed."""
    runs = {name: ("-c", program) for name, program in PROGRAMS.items()} | COMMANDS
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):
        for name, arguments in runs.items():
            spent = measure(arguments)
            if number:  # the first round fills caches: of the file system, and of compiled modules
                taken[name].append(spent)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    bases = {"and the kit": "fastapi and fastmcp"} | {
        name: "FastAPI and FastMCP" for name in PROGRAMS if name.startswith("and ") and name != "and the kit"
    }
    for name, median in medians.items():
        added = f"{median - medians[bases[name]]:+8.0f} ms" if name in bases else ""
        print(f"{name:<34}{median:>8.0f} ms{added}")
    is_met = medians["and the kit"] - medians["fastapi and fastmcp"] <= AIM_MS
    print(f"aim: the kit adds at most {AIM_MS:.0f} ms: {'met' if is_met else 'missed'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
