from __future__ import annotations

import io
import os
import re
from collections.abc import Callable

import anyio
import pytest
from rich.console import Console

from mcpauthkit.testing import DevIssuer, DevService
from quickstart.narrator import make_console
from quickstart.tour import run_tour
from tests.quickstart.conftest import start

Prepare = Callable[[DevIssuer, DevService], None]

# What nobody may read: anything of a query, parameters that hold secrets, and tokens.
_SECRET = re.compile(
    r"\?\w+=|&\w+=|\b(?:access_token|refresh_token|code_verifier|code_challenge|client_secret)=|eyJ[\w-]{8}"
)


def tell(prepare: Prepare | None = None) -> tuple[int, str]:
    output = io.StringIO()
    console = Console(file=output, width=80, highlight=False, markup=False, emoji=False)
    code = anyio.run(lambda: run_tour(console, prepare=prepare))
    return code, output.getvalue()


def plain(output: str) -> str:
    """The output without its line breaks."""
    return " ".join(output.split())


def test_the_command_tells_both_eras_and_ends_with_zero() -> None:
    with start() as tour:
        output, errors = tour.communicate(timeout=60)
    assert tour.returncode == 0, output + errors
    assert errors == ""
    for line in (
        "Protocol 2025-11-25",
        "POST /mcp initialize -> 401",
        "MCP-Protocol-Version: 2025-11-25",
        "elicitation/create, mode url, while tools/call waits",
        "notifications/elicitation/complete",
        "Protocol 2026-07-28",
        "POST /mcp server/discover -> 401",
        "MCP-Protocol-Version: 2026-07-28",
        "tools/call -> input required: elicitation, mode url",
        "tools/call, repeated once by the client with Alice's answer",
        "All 30 steps went as they should",
    ):
        assert line in output
    for line in (
        "POST /register -> 201",
        "tools/call whoami: Alice Example, subject alice",
        '"This link belongs to somebody else"',
        '"DevForge is connected"',
        "result: octo-alice/hello-world, octo-alice/notes, octo-alice/dotfiles",
        "tools/call list_repos: 3 repositories, no question",
        '"This link has been used or is too old"',
    ):
        assert output.count(line) == 2, line
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) <= 80
    assert _SECRET.search(output) is None


def test_nothing_secret_that_went_over_the_wire_is_told() -> None:
    servers: list[tuple[DevIssuer, DevService]] = []
    code, output = tell(lambda issuer, service: servers.append((issuer, service)))
    assert code == 0, output
    issuer, service = servers[0]
    secret = {service.client_secret, *service.live_tokens()}
    for request in [*issuer.requests.all(), *service.requests.all()]:
        for parameters in (request.query, request.form):
            for name in ("code", "state", "nonce", "code_verifier", "code_challenge", "client_secret", "refresh_token"):
                secret.update(parameters.get(name, []))
        secret.add(request.headers.get("authorization", "").partition(" ")[2])
        secret.update(re.findall(r"=([^;]{16,})", request.headers.get("cookie", "")))
    told = plain(output).replace(" ", "")
    assert len(secret) > 20
    assert [one for one in secret if one and one in told] == []


def break_service(endpoint: str) -> Prepare:
    return lambda _issuer, service: service.faults.respond(endpoint, status=500)  # type: ignore[arg-type]


def break_issuer(endpoint: str) -> Prepare:
    return lambda issuer, _service: issuer.faults.respond(endpoint, status=500)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prepare", "step", "came"),
    [
        (break_issuer("discovery"), "It asks the issuer how that is done.", "oauth-authorization-server -> 500"),
        (break_issuer("register"), "It introduces itself to the issuer", "POST /register -> 500"),
        (break_issuer("authorize"), "Alice signs in at the issuer, in her browser.", "the issuer's page says 500"),
        (break_issuer("token"), "The client gets a token", "POST /token -> 500"),
        (
            lambda issuer, _service: issuer.misbehave(wrong_audience=True),
            "It calls again, with the token, and is let in.",
            "POST /mcp initialize -> 401",
        ),
        (break_service("authorize"), "She goes on to DevForge", "status 500"),
        (break_service("token"), "She goes on to DevForge", "DevForge did not answer just now"),
        (break_service("repos"), "The call that asked has its answer", "500 Internal Server Error"),
        (lambda _issuer, service: service.stop(), "She goes on to DevForge", "nothing answers at"),
    ],
)
def test_a_failure_names_its_step_and_what_came(prepare: Prepare, step: str, came: str) -> None:
    code, output = tell(prepare)
    assert code == 1
    story, _, verdict = output.partition("The tour stopped at this step:")
    verdict = plain(verdict)
    assert step in plain(story)
    assert verdict.startswith(step)
    assert came in verdict
    assert "expected:" in verdict
    assert "Traceback" not in output
    assert _SECRET.search(output) is None


def test_a_reader_that_has_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        console = make_console()
        console.print("into the void")
        console.print("and once more")
        assert console.quiet
