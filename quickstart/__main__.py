"""The command line: `python -m quickstart` and `python -m quickstart serve`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

import anyio
from pydantic import ValidationError

from mcpauthkit.errors import ConfigurationError
from quickstart.narrator import make_console
from quickstart.serve import serve
from quickstart.settings import Settings
from quickstart.tour import run_tour

_DESCRIPTION = "See both legs of mcpauthkit at work, or keep the example server running and try it by hand."
_INTERRUPTED = 130
_EPILOG = """\
environment variables:
  ISSUER_URL            your OIDC issuer instead of the embedded one
  SCOPES                what clients ask for there ("openid profile")
  AUDIENCE              what it writes into `aud`, if not the MCP address
  BROWSER_CLIENT_ID, BROWSER_CLIENT_SECRET
                        our client there for the connect pages, if it has no
                        dynamic registration
  GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET
                        your GitHub OAuth app instead of the embedded service
  PORT                  the server's port (8700; stand-ins take the next two)
  LISTEN_HOST           the address to listen on (127.0.0.1); 0.0.0.0 in a
                        container, together with ISSUER_URL
  SERVER_BASE_URL       its public address, for example that of a tunnel
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    command = _parser().parse_args(arguments).command
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a page's title may hold more than an old terminal can print
    console = make_console()
    try:
        settings = Settings()
        if command == "serve":
            return anyio.run(serve, console, settings)
        if settings.issuer_url or settings.github_client_id:
            console.print(
                "ISSUER_URL or GITHUB_CLIENT_ID is set. Where the accounts are real, a person has\n"
                "to sign in and to click, so there is no scripted tour: serving instead."
            )
            return anyio.run(serve, console, settings)
        return anyio.run(run_tour, console)
    except ValidationError as error:
        return _refuse("; ".join(f"{_named(one['loc'])}{one['msg']}" for one in error.errors()))
    except ConfigurationError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 0 if command == "serve" else _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quickstart",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["tour", "serve"],
        default="tour",
        help="tour: everything scripted, ends by itself (default); serve: keep it running for your own client",
    )
    return parser


def _named(location: tuple[int | str, ...]) -> str:
    return "".join(f"{str(part).upper()}: " for part in location)


def _refuse(reason: str) -> int:
    make_console(stderr=True).print(f"The settings cannot be used. {reason}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
