"""What `mcpauthkit dev` says of what it runs."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from mcpauthkit.testing.pasting import client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcpauthkit.testing.stand import DevStand, StandPlan

_NAME = "dev"


def document_of(stand: DevStand, plan: StandPlan, env_file: Path) -> dict[str, Any]:
    """All of it, for programs.

    Args:
        stand: What runs.
        plan: What was asked for.
        env_file: The file with the variables.
    """
    return {
        "mcp_url": stand.mcp_url,
        "issuer_url": stand.issuer.issuer_url,
        "service_url": stand.service.base_url,
        "token_url": stand.token_url,
        "environment": stand.environment,
        "environment_file": str(env_file),
        "tokens": stand.tokens(),
        "clients": sorted(plan.clients),
        "client_settings": [
            {"client": one.client, "where": one.where, "text": one.text}
            for one in client_settings(stand.mcp_url, name=_NAME)
        ],
    }


def lines_of(stand: DevStand, plan: StandPlan, env_file: Path) -> Iterator[str]:
    """All of it, for people: what is to be copied stands on lines of its own, and is never wrapped.

    Args:
        stand: What runs.
        plan: What was asked for.
        env_file: The file with the variables.
    """
    yield "Running on this machine, for development only. Ctrl-C ends it."
    yield f"  Your server  {stand.mcp_url}"
    yield f"  Issuer       {stand.issuer.issuer_url}   alice and bob, no password"
    yield f"  Service      {stand.service.base_url}   plays {plan.stands_in_for}; octo-alice and octo-bob"
    yield ""
    yield f"Settings of your server, also in {env_file}:"
    yield from (f"  export {name}={shlex.quote(value)}" for name, value in stand.environment.items())
    yield ""
    yield "Tokens for a day:"
    for user, token in stand.tokens().items():
        yield f"  {user}:"
        yield f"    {token}"
    yield from _token_lines(stand, plan)
    yield ""
    yield "Settings to paste into clients, which sign in by themselves:"
    for one in client_settings(stand.mcp_url, name=_NAME):
        yield f"  {one.client} ({one.where}):"
        yield from (f"    {line}" for line in one.text.splitlines())


def _token_lines(stand: DevStand, plan: StandPlan) -> Iterator[str]:
    audience, issuer = stand.mcp_url, stand.issuer.issuer_url
    yield "  for somebody else:"
    yield f"    mcpauthkit token mint --sub carol --key {stand.signing_key} --issuer {issuer} --audience {audience}"
    for client_id, members in list(plan.clients.items())[:1]:
        body = json.dumps({"client_id": client_id, "client_secret": members["secret"]})
        yield "  for a client with a secret:"
        yield f"    curl -X POST {stand.token_url} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
