"""What users of the kit test with: a small world on loopback, its issuer and service, clients, a clock and a robot.

`DevWorld` has them all, and is what the pytest fixture `dev_world` gives. Importing this loads nothing: each name
brings its module when it is first asked for (PEP 562), so that pytest starts as fast as it would without us.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpauthkit.testing.answer import Answer
    from mcpauthkit.testing.callers import caller
    from mcpauthkit.testing.client import DevClient
    from mcpauthkit.testing.clock import FakeClock
    from mcpauthkit.testing.faults import Endpoint, Faults
    from mcpauthkit.testing.issuer.keys import SigningAlgorithm
    from mcpauthkit.testing.issuer.server import DevIssuer
    from mcpauthkit.testing.login import RobotLogin
    from mcpauthkit.testing.loopback import LoopbackServer
    from mcpauthkit.testing.oauth_client import OAuthClient, Parameter
    from mcpauthkit.testing.page import Button, Field, Form, Link, Page, Visit
    from mcpauthkit.testing.pasting import ClientSettings, client_settings
    from mcpauthkit.testing.people import DevAccount, DevUser
    from mcpauthkit.testing.profiles import ClientProfile
    from mcpauthkit.testing.requests import RecordedRequest, RequestRecord
    from mcpauthkit.testing.robot import BrowserRobot, RobotError, StopAt, approve, deny, sign_in
    from mcpauthkit.testing.service.dialects import ErrorStyle
    from mcpauthkit.testing.service.server import DevService
    from mcpauthkit.testing.store import DevStore
    from mcpauthkit.testing.world import DevWorld

_MODULES = {
    "answer": ("Answer",),
    "callers": ("caller",),
    "client": ("DevClient",),
    "clock": ("FakeClock",),
    "faults": ("Endpoint", "Faults"),
    "issuer.keys": ("SigningAlgorithm",),
    "issuer.server": ("DevIssuer",),
    "login": ("RobotLogin",),
    "loopback": ("LoopbackServer",),
    "oauth_client": ("OAuthClient", "Parameter"),
    "page": ("Button", "Field", "Form", "Link", "Page", "Visit"),
    "pasting": ("ClientSettings", "client_settings"),
    "people": ("DevAccount", "DevUser"),
    "profiles": ("ClientProfile",),
    "requests": ("RecordedRequest", "RequestRecord"),
    "robot": ("BrowserRobot", "RobotError", "StopAt", "approve", "deny", "sign_in"),
    "service.dialects": ("ErrorStyle",),
    "service.server": ("DevService",),
    "store": ("DevStore",),
    "world": ("DevWorld",),
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "Answer",
    "BrowserRobot",
    "Button",
    "ClientProfile",
    "ClientSettings",
    "DevAccount",
    "DevClient",
    "DevIssuer",
    "DevService",
    "DevStore",
    "DevUser",
    "DevWorld",
    "Endpoint",
    "ErrorStyle",
    "FakeClock",
    "Faults",
    "Field",
    "Form",
    "Link",
    "LoopbackServer",
    "OAuthClient",
    "Page",
    "Parameter",
    "RecordedRequest",
    "RequestRecord",
    "RobotError",
    "RobotLogin",
    "SigningAlgorithm",
    "StopAt",
    "Visit",
    "approve",
    "caller",
    "client_settings",
    "deny",
    "sign_in",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value  # from now on without this detour
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
