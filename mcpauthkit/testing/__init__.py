"""What users of the kit test with: a development issuer, a development service, a clock and a robot."""

from mcpauthkit.testing.clock import FakeClock
from mcpauthkit.testing.faults import Endpoint, Faults
from mcpauthkit.testing.issuer import DevIssuer, SigningAlgorithm
from mcpauthkit.testing.loopback import LoopbackServer
from mcpauthkit.testing.people import DevUser
from mcpauthkit.testing.requests import RecordedRequest, RequestRecord

__all__ = [
    "DevIssuer",
    "DevUser",
    "Endpoint",
    "FakeClock",
    "Faults",
    "LoopbackServer",
    "RecordedRequest",
    "RequestRecord",
    "SigningAlgorithm",
]
