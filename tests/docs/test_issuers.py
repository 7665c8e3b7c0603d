"""What the pages about issuers say: their applications run, their tables are the code's, their messages are given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit import TrustedIssuer
from mcpauthkit.cli.main import GROUPS, group_named
from mcpauthkit.errors import AuthKitError, ConfigurationError, IssuerUnavailable
from mcpauthkit.identity.claim_map import GENERIC_CLAIMS
from mcpauthkit.identity.profiles import PROFILES, profile_named
from mcpauthkit.testing import DevIssuer
from tests.docs.leg_one import serving
from tests.docs.pages import execute
from tests.docs.snippets import ROOT, snippets_on, text_of
from tests.identity.issuer_rows import ROWS
from tests.identity.realm import RESOURCE, Realm, token_of

ISSUERS = {
    "keycloak": "https://login.example.com/realms/staff",
    "okta": "https://example.okta.com/oauth2/aus1",
    "entra": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
    "auth0": "https://example.eu.auth0.com/",
}
PAGES = {
    "keycloak": "docs/issuers/keycloak.md",
    "okta": "docs/issuers/okta.md",
    "entra": "docs/issuers/entra.md",
    "auth0": "docs/issuers/auth0.md",
    "other": "docs/issuers/other.md",
}
TENANT, API = "72f988bf-86f1-41af-91ab-2d7cd011db47", "11111111-2222-3333-4444-555555555555"
# Claims that tokens of this issuer have; of Auth0's none are served here, because a development issuer has no slash.
CLAIMS: dict[str, dict[str, Any]] = {
    "keycloak": {"typ": "Bearer", "azp": "vscode"},
    "okta": {"cid": "vscode", "uid": "alice"},
    "entra": {
        "azp": "v",
        "oid": "alice",
        "tid": TENANT,
        "ver": "2.0",
        "scp": "tools",
        "audience": API,
        "headers": {"typ": "JWT"},
    },
}
CLIENTS = sorted(f"docs/clients/{one.name}" for one in (ROOT / "docs/clients").glob("*.md"))
each_page = pytest.mark.parametrize("name", ISSUERS)


def parts_on(name: str) -> str:
    [code] = [one.code for one in snippets_on(PAGES[name], "python") if "JwtAuthMiddleware" in one.code]
    return code


@pytest.mark.parametrize("name", PAGES)
def test_every_application_on_a_page_can_be_built(name: str) -> None:
    names: dict[str, Any] = {}
    for snippet in snippets_on(PAGES[name], "python"):
        execute(snippet.code, names)
        if isinstance(app := names.pop("app", None), FastAPI):
            app.build_middleware_stack()
    assert names


@pytest.mark.parametrize("name", CLAIMS)
async def test_tokens_as_that_issuer_issues_them_get_in_and_others_do_not(name: str) -> None:
    path = re.sub(r"^https://[^/]+", "", ISSUERS[name])
    with DevIssuer(path=path) as issuer:
        async with serving(parts_on(name), issuer, ISSUERS[name]) as caller:
            good = await caller.http.get("/mcp", headers=caller.token(**CLAIMS[name]))
            other = await caller.http.get("/mcp", headers=caller.token(**{**CLAIMS[name], "audience": "other"}))
    assert (good.json()["user"], other.status_code) == ("alice", 401)


@each_page
def test_the_table_of_what_is_read_is_the_profile(name: str) -> None:
    profile = profile_named(name)
    claims = profile.claims.over(GENERIC_CLAIMS)
    rows = text_of(PAGES[name]).partition("| what | where |\n")[2].split("\n\n")[0].splitlines()[1:]
    found = {row.split("|")[1].strip(" `"): re.findall(r"`([^`]+)`", row.split("|")[2]) for row in rows}
    without = ["none"] if " none," in str(rows) else []
    assert {*found["header `typ"], *without} == {one or "none" for one in profile.types}
    for row, paths in {
        "scopes": claims.scopes,
        "roles": claims.roles,
        "client": claims.client_id,
        "user": claims.subject,
    }.items():
        assert set(paths or ()) <= set(found[row]), row
    word = {"forward": "is forwarded", "omit": "is not sent on", "audience": "becomes `audience`"}
    assert word[profile.resource_parameter] in rows[-1]


async def refused(call: Callable[[], Any]) -> AuthKitError:
    with pytest.raises(AuthKitError) as caught:
        await call()
    return caught.value


async def texts_of(name: str) -> set[str]:
    """What a server says that is set up as on the page, to each mistake there is a row for."""
    row = next(one for one in ROWS if one.profile == name)
    realm = Realm(TrustedIssuer(row.issuer, profile=name))
    tokens = [
        row.access_token(aud="https://other.example"),
        token_of(row.issuer, {**row.id_token, "aud": RESOURCE, "at_hash": "h"}, typ=row.id_typ),
        "opaque" * 6,
    ]
    said = {(await refused(lambda token=token: realm.verify(token))).public for token in tokens}  # type: ignore[misc]
    wrong = {
        "keycloak": ISSUERS["keycloak"] + "/",
        "okta": "https://example.okta.com",
        "entra": "https://login.microsoftonline.com/common/v2.0",
        "auth0": ISSUERS["auth0"].rstrip("/"),
    }
    if name in wrong:
        with pytest.raises(ConfigurationError) as caught:
            TrustedIssuer(wrong[name], profile=name)
        said.add(caught.value.public)
    return said


def quoted_on(page: str) -> set[str]:
    """The messages in the first column of the table of what goes wrong that this library gives."""
    rows = text_of(page).partition("| you see | because | do |\n")[2].splitlines()[1:]
    cells = [row.split("|")[1].strip() for row in rows]
    ours = [re.match(r"(?:401|503|at the start:) `([^`]+)`$", cell) for cell in cells]
    return {found[1] for found in ours if found is not None}


@each_page
async def test_the_messages_on_a_page_are_those_that_are_given(name: str) -> None:
    quoted = quoted_on(PAGES[name])
    assert quoted <= await texts_of(name)
    assert len(quoted) >= 3


async def test_the_messages_for_issuers_without_a_page_are_those_that_are_given() -> None:
    said = await texts_of("generic") | {IssuerUnavailable.default_public}
    for name in ("cognito", "gitlab"):
        with pytest.raises(ConfigurationError) as caught:
            TrustedIssuer("https://issuer.example", profile=name)
        said.add(caught.value.public)
    for quoted in quoted_on(PAGES["other"]):
        assert any(one.startswith(quoted) for one in said), quoted


def test_every_profile_has_a_page_or_a_row() -> None:
    table = text_of(PAGES["other"]).partition("| profile | its address |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `(https://[^`]+)`", table, re.MULTILINE))
    assert set(rows) | set(ISSUERS) | {"generic"} == set(PROFILES)
    for name, address in rows.items():
        assert profile_named(name).wrong_address(address) is None


@each_page
def test_the_addresses_to_register_are_those_of_the_kit(name: str) -> None:
    text = text_of(PAGES[name])
    for address in (
        "https://mcp.example.com/oauth/callback",
        "https://mcp.example.com/connect/login/callback",
        RESOURCE,
    ):
        assert f"`{address}`" in text, address


def test_the_realm_beside_the_quickstart_is_the_one_of_the_page() -> None:
    text = text_of(PAGES["keycloak"])
    realm = json.loads((ROOT / "quickstart/keycloak/realm.json").read_text(encoding="utf-8"))
    clients = {one["clientId"]: one["redirectUris"] for one in realm["clients"]}
    for client in ("mcp-proxy", "mcp-browser"):
        [uri] = clients[client]
        assert f"`{client}`" in text
        assert f"https://mcp.example.com{uri.rpartition('}')[2]}" in text
    assert {"mcp:tools", "openid"} <= {one["name"] for one in realm["clientScopes"]}
    policies = {one["name"] for ones in realm["components"].values() for one in ones}
    assert policies >= set(re.findall(r"Policy '([^']+)' rejected", text))
    [profile] = realm["clientProfiles"]["profiles"]
    assert all(f"`{one['executor']}`" in text for one in profile["executors"])


@pytest.mark.parametrize("page", [*PAGES.values(), "docs/leg-1.md", *CLIENTS])
def test_commands_in_the_text_are_there(page: str) -> None:
    for words in map(str.split, re.findall(r"`mcpauthkit ([^`]+)`", text_of(page))):
        assert words[0] in GROUPS
        verbs = {one for one in group_named(words[0]) if not one.startswith("-")}
        assert not verbs or words[1] in verbs, words


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_the_command_that_does_it(name: str) -> None:
    kind = "generic" if name == "other" else name
    assert f"`mcpauthkit init {kind}`" in text_of(PAGES[name]).partition("## ")[0]
