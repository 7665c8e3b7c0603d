"""`mcpauthkit init`: what a new server begins with, for each kind of issuer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from mcpauthkit.cli.init_checklists import Filled, checklist_for
from mcpauthkit.cli.init_files import NewFile, write_files
from mcpauthkit.cli.init_keycloak import RealmPlan, realm_text
from mcpauthkit.cli.init_settings import Plan, settings_text
from mcpauthkit.cli.output import Several, Switch, print_json

_Folder = Annotated[Path, Parameter(name=("--output", "-o"))]
_HERE: Final = Path()
_SERVER: Final = "http://127.0.0.1:8000"
_TOOLS: Final = ("mcp:tools",)
_REALM_FILE: Final = "keycloak-realm.json"


def group() -> App:
    """The commands about beginnings."""
    app = App(name="init", help="Write what a new server begins with: settings, and what to set up at the issuer.")
    for command in (keycloak, okta, entra, auth0, generic):
        app.command(command)
    return app


def keycloak(
    *,
    server_base_url: str = _SERVER,
    keycloak_url: str = "http://127.0.0.1:8080",
    realm: str = "mcp",
    scope: Several = _TOOLS,
    role: Several = (),
    client_host: Several = (),
    cimd: Switch = False,
    dev: Switch = False,
    output: _Folder = _HERE,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Write .env, and a realm for Keycloak to import in which everything is set up.

    Its scopes put the address of the server into tokens, MCP clients on people's own machines may register themselves,
    and there is a client for the server's own pages. Keycloak 26.6 or newer is needed.

    Args:
        server_base_url: The public address of the server.
        keycloak_url: The public address of Keycloak.
        realm: The realm's name.
        scope: The scopes of the server; several with spaces between, or by repeating the option.
        role: Roles that tokens may hold.
        client_host: Hosts of further web clients that may register themselves.
        cimd: Let clients that have a metadata document name themselves by it; Keycloak has to run with --features=cimd.
        dev: Add the users alice and bob, whose passwords are their names; for a Keycloak and a server on this machine.
        output: The folder to write to.
        force: Write files anew that are there; the former ones are kept beside them.
        json: Print what was written as JSON.
    """
    roles = role or (("admin", "staff") if dev else ())
    plan = Plan(
        server_base_url=server_base_url,
        issuer_url=f"{keycloak_url.rstrip('/')}/realms/{realm}",
        profile="keycloak",
        scopes=("openid", "profile", *scope),
        browser_client_id="mcp-browser",
    )
    wanted = RealmPlan(
        name=realm, plan=plan, scopes=scope, roles=roles, client_hosts=client_host, has_documents=cimd, has_users=dev
    )
    files = [NewFile(".env", settings_text(plan)), NewFile(_REALM_FILE, realm_text(wanted))]
    place = output / _REALM_FILE
    feature = " --features=cimd" if cimd else ""
    told = f"Import it: copy {place} into data/import of Keycloak, and start that with --import-realm{feature}."
    return _write(files, output, told, force=force, json=json)


def okta(
    *,
    domain: str,
    authorization_server: str = "default",
    server_base_url: str = _SERVER,
    scope: Several = _TOOLS,
    output: _Folder = _HERE,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Write .env for proxy mode at Okta, and a check-list of what to set up there.

    Args:
        domain: The organisation's host, such as example.okta.com.
        authorization_server: The id of its custom authorization server.
        server_base_url: The public address of the server.
        scope: The scopes of the server; several with spaces between, or by repeating the option.
        output: The folder to write to.
        force: Write files anew that are there; the former ones are kept beside them.
        json: Print what was written as JSON.
    """
    plan = Plan(
        server_base_url=server_base_url,
        issuer_url=f"https://{_host(domain)}/oauth2/{authorization_server}",
        profile="okta",
        scopes=("openid", "profile", *scope),
        is_proxy=True,
    )
    return _write_with_checklist("okta", plan, scope, output, force=force, json=json)


def entra(
    *,
    tenant: str,
    api_id: str,
    server_base_url: str = _SERVER,
    scope: Several = ("tools",),
    output: _Folder = _HERE,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Write .env for proxy mode at Entra ID, and a check-list of what to set up there.

    Args:
        tenant: The tenant's id.
        api_id: The application (client) ID of the app registration that stands for the server.
        server_base_url: The public address of the server.
        scope: The scopes of the server as Entra calls them, without api:// in front; several with spaces between.
        output: The folder to write to.
        force: Write files anew that are there; the former ones are kept beside them.
        json: Print what was written as JSON.
    """
    plan = Plan(
        server_base_url=server_base_url,
        issuer_url=f"https://login.microsoftonline.com/{tenant.lower()}/v2.0",
        profile="entra",
        scopes=("openid", "profile", "offline_access", *(f"api://{api_id}/{one}" for one in scope)),
        audiences=(api_id,),
        is_proxy=True,
    )
    return _write_with_checklist("entra", plan, scope, output, force=force, json=json)


def auth0(
    *,
    domain: str,
    server_base_url: str = _SERVER,
    scope: Several = _TOOLS,
    output: _Folder = _HERE,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Write .env for Auth0, and a check-list of what to set up there.

    Args:
        domain: The tenant's host, such as example.eu.auth0.com, or the custom domain that clients use.
        server_base_url: The public address of the server.
        scope: The scopes of the server; several with spaces between, or by repeating the option.
        output: The folder to write to.
        force: Write files anew that are there; the former ones are kept beside them.
        json: Print what was written as JSON.
    """
    plan = Plan(
        server_base_url=server_base_url,
        issuer_url=f"https://{_host(domain)}/",
        profile="auth0",
        scopes=("openid", "profile", *scope),
        wants_browser_client=True,
    )
    return _write_with_checklist("auth0", plan, scope, output, force=force, json=json)


def generic(
    *,
    issuer_url: str,
    profile: str = "generic",
    audience: Several = (),
    server_base_url: str = _SERVER,
    scope: Several = (),
    output: _Folder = _HERE,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Write .env for any OpenID Connect issuer, and a check-list of what to set up there.

    Args:
        issuer_url: The issuer, byte for byte as it spells itself.
        profile: Whose habits it has, where the kit knows them: duende, cognito, pingone, authentik, zitadel, hydra.
        audience: What it writes into aud, where that is not the address of the MCP endpoint.
        server_base_url: The public address of the server.
        scope: The scopes of the server; several with spaces between, or by repeating the option.
        output: The folder to write to.
        force: Write files anew that are there; the former ones are kept beside them.
        json: Print what was written as JSON.
    """
    plan = Plan(
        server_base_url=server_base_url,
        issuer_url=issuer_url,
        profile=profile,
        scopes=("openid", "profile", *scope),
        audiences=audience,
        wants_browser_client=True,
    )
    return _write_with_checklist("generic", plan, scope, output, force=force, json=json)


def _host(domain: str) -> str:
    return domain.removeprefix("https://").rstrip("/")


def _write_with_checklist(
    kind: str, plan: Plan, scopes: tuple[str, ...], output: Path, *, force: bool, json: bool
) -> int:
    name = f"{kind}-checklist.md"
    text = checklist_for(kind, Filled(plan, scopes))
    files = [NewFile(".env", settings_text(plan)), NewFile(name, text)]
    return _write(
        files, output, f"Go through {output / name}, and write the clients' ids into .env.", force=force, json=json
    )


def _write(files: list[NewFile], output: Path, told: str, *, force: bool, json: bool) -> int:
    written, kept = write_files(files, output, force=force)
    if json:
        print_json({"written": [str(one) for one in written], "kept": [str(one) for one in kept]})
        return 0
    print(*(f"Kept as it was: {one}" for one in kept), *(f"Written: {one}" for one in written), sep="\n")
    print(told)
    print("Keep .env out of version control: it holds a secret. The server: AuthKit.from_settings()")
    return 0
