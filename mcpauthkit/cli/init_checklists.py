"""What an operator sets up at an issuer for a new server, with the server's addresses in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from mcpauthkit.cli.init_settings import Plan
from mcpauthkit.identity.profiles import profile_named

PROXY_CALLBACK_PATH = "/oauth/callback"
BROWSER_CALLBACK_PATH = "/connect/login/callback"


@dataclass(frozen=True, slots=True)
class Filled:
    """What is filled in.

    Args:
        plan: What the server is to be.
        scopes: The scopes that are the server's own.
    """

    plan: Plan
    scopes: Sequence[str]

    def fields(self) -> dict[str, str]:
        """What stands for the names in braces."""
        plan = self.plan
        scopes = ", ".join(f"`{one}`" for one in self.scopes)
        label = profile_named(plan.profile).label
        return {
            "base": plan.server_base_url,
            "title": f"{label[0].upper()}{label[1:]}",
            "audience": ", ".join(plan.audiences) or plan.resource,
            "browser_callback": f"{plan.server_base_url}{BROWSER_CALLBACK_PATH}",
            "issuer": plan.issuer_url,
            "proxy_callback": f"{plan.server_base_url}{PROXY_CALLBACK_PATH}",
            "resource": plan.resource,
            "scopes": scopes or "those of your tools, if they need any",
            "setting": profile_named(plan.profile).audience_setting.replace("{resource}", plan.resource),
        }


def checklist_for(kind: str, filled: Filled) -> str:
    """What to set up, as Markdown with a box before each step.

    Args:
        kind: One of okta, entra, auth0, generic.
        filled: What is filled in.
    """
    template = resources.files("mcpauthkit.cli").joinpath("checklists", f"{kind}.md").read_text(encoding="utf-8")
    return template.format_map(filled.fields())
