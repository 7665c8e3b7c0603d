"""Which test shows which requirement.

Every MUST and MUST NOT of the MCP specification that is addressed to a server, a resource server or an authorization
flow and that the kit touches, in direct mode or as a proxy, and those of the RFCs it stands on. A SHOULD is here only
where clients depend on it, and its source says that it is one. Each is told in our own words; the source says where to
read the original. `UNMET` lists what the kit does not do, or not wholly.
"""

from __future__ import annotations

from tests.requirements.gaps import UNMET
from tests.requirements.leg_two_rows import LEG_TWO_MCP, LEG_TWO_RFCS
from tests.requirements.mcp_access import ACCESS
from tests.requirements.mcp_authorization import AUTHORIZATION
from tests.requirements.mcp_elicitation import ELICITATION, PRACTICES, ROUNDS
from tests.requirements.mcp_proxy import PROXY
from tests.requirements.mcp_state import STATE
from tests.requirements.rfc_rows import RFCS
from tests.requirements.rfc_server_rows import SERVER_RFCS
from tests.requirements.rfc_token_rows import TOKEN_RFCS
from tests.requirements.row import Requirement

__all__ = ["TABLE", "UNMET"]

TABLE: tuple[Requirement, ...] = (
    *AUTHORIZATION,
    *ACCESS,
    *ELICITATION,
    *ROUNDS,
    *PRACTICES,
    *STATE,
    *LEG_TWO_MCP,
    *PROXY,
    *RFCS,
    *SERVER_RFCS,
    *TOKEN_RFCS,
    *LEG_TWO_RFCS,
)
