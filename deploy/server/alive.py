"""Ask a server on this machine whether it is alive: `python -m server.alive [URL]`, for images without curl."""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

_HEALTH = "http://127.0.0.1:8000/health"
_SECONDS = 3.0


def main(arguments: list[str]) -> int:
    """Ask, and give the exit code: 0 for an answer 200, 1 for anything else."""
    url = urlsplit(arguments[0] if arguments else _HEALTH)
    # Of the standard library: this is a process of its own, several times a minute.
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_SECONDS)
    try:
        connection.request("GET", url.path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"no answer ({type(error).__name__})\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{status}\n")
    return 0 if status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
