"""Which test shows which requirement.

Every MUST and MUST NOT of the MCP specification that is addressed to a server, a resource server or an authorization
flow and that the kit touches in direct mode, and those of the RFCs it stands on. Each is told in our own words; the
source says where to read the original. `UNMET` lists what the kit does not do, or not wholly.
"""

from __future__ import annotations

from tests.requirements.mcp_authorization import AUTHORIZATION
from tests.requirements.mcp_elicitation import ELICITATION, PRACTICES, ROUNDS
from tests.requirements.rfc_rows import RFCS
from tests.requirements.row import BOTH, NEW, NONE, Gap, Requirement

TABLE: tuple[Requirement, ...] = (*AUTHORIZATION, *ELICITATION, *ROUNDS, *PRACTICES, *RFCS)

UNMET: tuple[Gap, ...] = (
    Gap(
        "transport-origin",
        BOTH,
        "transports, security of streamable HTTP",
        "A request whose Origin is not allowed is answered with 403.",
        "Nothing looks at Origin, and FastMCP's own protection is off unless host_origin_protection is given.",
    ),
    Gap(
        "authz-403",
        BOTH,
        "authorization, error handling",
        "A token without the scopes an operation needs is answered with 403.",
        "The 403 can be written, but nothing raises it: scopes are named in challenges and never demanded.",
    ),
    Gap(
        "authz-scope-hierarchy",
        NEW,
        "authorization, step-up flow",
        "Where a broader scope implies a narrower one, the broader one is enough.",
        "Scopes are compared as texts; a service that normalises what it granted is taken for one that refused.",
    ),
    Gap(
        "rfc9207-known-sender",
        NONE,
        "RFC 9207 section 2.4",
        "A server that is known to name itself has to do so.",
        "A service configured with issuer= may leave `iss` out; redirect addresses of our own per service stand in.",
    ),
)
