"""The checks from outside."""

from __future__ import annotations

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Need
from mcpauthkit.doctor.outside import calls, manners
from mcpauthkit.doctor.outside.replay import replay

_WIRE = frozenset[Need]({"wire"})
_WITH_TOKEN = frozenset[Need]({"wire", "token"})

OUTSIDE_CHECKS: tuple[Check, ...] = (
    Check("the way of each client to the sign-in page", replay, _WIRE),
    Check("the challenge", manners.challenge, _WIRE),
    Check("a made-up token", manners.bad_token, _WIRE),
    Check("pages in a browser", manners.pages, _WIRE),
    Check("the resource's metadata", manners.resource, _WIRE),
    Check("the issuer's metadata", manners.issuer, _WIRE),
    Check("the issuer's keys", manners.keys, _WIRE),
    Check("a session with the given token", calls.legacy, _WITH_TOKEN),
    Check("a call without a session with the given token", calls.modern, _WITH_TOKEN),
)
"""All of them, in the order of the report."""
