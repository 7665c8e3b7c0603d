"""`mcpauthkit token`: tokens for development, and what a token says."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from cyclopts import App

from mcpauthkit.cli.output import Several, Switch, print_json
from mcpauthkit.cli.token_claims import audiences_of, claims_for, read_secret, refuse_production
from mcpauthkit.cli.token_report import Verdict, as_json, lines_of, verdict_of
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.description import describe
from mcpauthkit.identity.development_key import SIGNING_NAME, DevelopmentKey, sign_with_secret
from mcpauthkit.identity.key_folder import KeyFolder
from mcpauthkit.identity.profiles import profile_named

_KEY: Final = Path(".keys") / SIGNING_NAME
_MAX_INPUT: Final = 256 * 1024
_STDIN: Final = "-"
_IN_FRONT: Final = re.compile(r"\s*(Authorization:)?\s*(Bearer(\s+|$))?", re.IGNORECASE)


def group() -> App:
    """The commands about tokens."""
    app = App(name="token", help="Make tokens for development, and say what a token is.")
    app.command(mint)
    app.command(inspect)
    return app


def mint(
    *,
    sub: str,
    scope: Several = (),
    role: Several = (),
    client: str | None = None,
    audience: Several = (),
    exp_hours: float = 1.0,
    issuer: str | None = None,
    key: Path = _KEY,
    secret: str | None = None,
    secret_file: Path | None = None,
    json: Switch = False,
) -> int:
    """Print a token for a server on this machine, signed with a development key or a shared secret.

    The key is made at the first use, and its public half is written beside it, for the server's StaticKeyVerifier.
    There is no such token in production, and none in the name of an issuer that is not on this machine.

    Args:
        sub: Whose token it is.
        scope: What it allows; several with spaces between, or by repeating the option.
        role: The roles in it, likewise.
        client: The client it is made for.
        audience: The servers it is for; unless given, the one of MCPAUTHKIT_AUDIENCE or MCPAUTHKIT_SERVER_BASE_URL.
        exp_hours: How many hours it lives; a negative number makes one that has ended.
        issuer: Who it says has made it, an address of this machine; http://127.0.0.1/dev unless given, and with a
            secret nobody.
        key: The development key.
        secret: Sign with this secret instead (HS256), as the server's SharedSecretVerifier has it. Others on this
            machine can see it while the command runs.
        secret_file: Sign with the secret that stands in this file.
        json: Print the token and its claims as JSON.
    """
    refuse_production()
    shared = read_secret(secret, secret_file)
    aimed_at = audience or audiences_of()
    claims = claims_for(
        sub=sub,
        scopes=scope,
        roles=role,
        client=client,
        audiences=aimed_at,
        hours=exp_hours,
        issuer=issuer,
        has_issuer=shared is None,
    )
    if not aimed_at:
        print("The token names no server (aud), and most refuse such a one. Give --audience.", file=sys.stderr)
    token = sign_with_secret(claims, shared) if shared is not None else _signed(key, claims)
    if json:
        print_json({"token": token, "claims": claims})
    else:
        print(token)
    return 0


async def inspect(
    token: str = _STDIN,
    /,
    *,
    issuer: str | None = None,
    profile: str = "generic",
    audience: Several = (),
    key_file: Path | None = None,
    json: Switch = False,
) -> int:
    """Say what a token is, what it says and what is wrong with it, without showing the token or a secret.

    It ends with 0 when nothing is wrong with it, with 1 when a server would refuse it, and with 2 when it could not be
    judged. Without --issuer nothing is fetched and nothing is verified: whoever made it may have written anything.

    Args:
        token: The token. Leave it out to have it read from standard input: what stands on the command line stays in the
            shell's history, and others on this machine can see it.
        issuer: Verify it with the keys of this issuer.
        profile: Whose habits the token has: keycloak, okta, entra, auth0 and so on.
        audience: The server that it has to be for, as its aud names it; several are alternatives.
        key_file: Open an encrypted token with the private keys in this file.
        json: Print what was found as JSON.
    """
    if token == _STDIN:
        text = _read_token()
    else:
        text = _bare(token)
        print("The token stands in the shell's history now. Pipe it in instead, or leave it out.", file=sys.stderr)
    keys = DecryptionKeys.from_file(key_file) if key_file is not None else None
    habits = profile_named(profile)
    found = describe(text, now=SystemClock().wall(), profile=habits, audiences=audience, keys=keys)
    verdict = None
    if issuer is not None:
        verdict = await verdict_of(text, issuer=issuer, profile=habits, audiences=audience, keys=keys)
    if json:
        print_json({**as_json(found), "verdict": verdict and asdict(verdict)})
    else:
        print(*lines_of(found, verdict), sep="\n")
    return _exit_code(verdict, is_faultless=found.is_faultless)


def _exit_code(verdict: Verdict | None, *, is_faultless: bool) -> int:
    if verdict is not None and verdict.is_good is None:
        return 2
    return 0 if is_faultless and (verdict is None or verdict.is_good) else 1


def _signed(path: Path, claims: dict[str, object]) -> str:
    KeyFolder(path.parent).prepare()
    key = DevelopmentKey(path)
    if key.ensure():
        print(f"A development key is made: {path}. For the server, in development only:", file=sys.stderr)
        print(f"  StaticKeyVerifier(json.loads(Path({str(key.verifying)!r}).read_text()),", file=sys.stderr)
        print(f"                    issuer={claims['iss']!r})", file=sys.stderr)
    return key.sign(claims)


def _read_token() -> str:
    if sys.stdin.isatty():
        print("Paste the token, then Ctrl-D:", file=sys.stderr)
    return _bare(sys.stdin.buffer.read(_MAX_INPUT).decode("utf-8", "replace"))


def _bare(text: str) -> str:
    """The token alone, however much of the header field was copied with it."""
    bare = _IN_FRONT.sub("", text, count=1).strip()
    if not bare:
        raise ConfigurationError("There is no token.", hint="Pipe it in: mcpauthkit token inspect < token.txt")
    return bare
