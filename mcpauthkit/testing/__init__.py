"""What users of the kit test with: a development issuer, a development service, a clock and a robot."""

from mcpauthkit.testing.callers import caller
from mcpauthkit.testing.clock import FakeClock
from mcpauthkit.testing.faults import Endpoint, Faults
from mcpauthkit.testing.issuer import DevIssuer, SigningAlgorithm
from mcpauthkit.testing.loopback import LoopbackServer
from mcpauthkit.testing.oauth_client import OAuthClient, Parameter
from mcpauthkit.testing.page import Button, Field, Form, Link, Page, Visit
from mcpauthkit.testing.people import DevAccount, DevUser
from mcpauthkit.testing.requests import RecordedRequest, RequestRecord
from mcpauthkit.testing.robot import BrowserRobot, RobotError, StopAt, approve, deny, sign_in
from mcpauthkit.testing.service import DevService, ErrorStyle

__all__ = [
    "BrowserRobot",
    "Button",
    "DevAccount",
    "DevIssuer",
    "DevService",
    "DevUser",
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
    "SigningAlgorithm",
    "StopAt",
    "Visit",
    "approve",
    "caller",
    "deny",
    "sign_in",
]
