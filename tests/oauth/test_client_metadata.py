"""What clients say about themselves: registrations, metadata documents, and the catalogue of known ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import RegisteredClient
from mcpauthkit.errors import ConfigurationError, OAuthFault
from mcpauthkit.oauth.client_metadata import (
    clean_name,
    is_document_url,
    parse_client_document,
    parse_registration,
)
from mcpauthkit.oauth.known_clients import KnownClients

RELAYS = ("https://vscode.dev/redirect", "https://vscode.dev/redirect?x=1", "https://insiders.vscode.dev/redirect")
GOOD = {"redirect_uris": ["http://127.0.0.1:33418/"]}
URL = "https://app.example/client.json"
DOCUMENT = {"client_id": URL, "client_name": "App", **GOOD}


def registration(**members: Any) -> bytes:
    return json.dumps({**GOOD, **members}).encode()


def refusal(body: bytes) -> str:
    with pytest.raises(OAuthFault) as caught:
        parse_registration(body, private={"cursor://anysphere.cursor-mcp/oauth/callback"})
    assert caught.value.status == 400
    return caught.value.error


def test_a_registration_is_granted_as_far_as_we_serve_it() -> None:
    body = registration(
        client_name="Visual Studio Code",
        redirect_uris=["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
        grant_types=["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_basic",
        application_type="native",
        scope="openid",
        resource="https://mcp.example/mcp",
        logo_uri="https://app.example/logo.png",
    )
    asked = parse_registration(body)
    assert asked.distinct_redirect_uris == ("https://vscode.dev/redirect", "http://127.0.0.1/")
    assert asked.answer(client_id="id", issued_at=1) == {
        "client_id": "id",
        "client_id_issued_at": 1,
        "client_name": "Visual Studio Code",
        "redirect_uris": ["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'["https://app.example/"]',
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"redirect_uris": ["https://a.example/"], "redirect_uris": ["https://b.example/"]}',
        b'{"redirect_uris": ["https://a.example/"], "x": NaN}',
        b'{"redirect_uris": ["https://a.example/"], "x": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"redirect_uris": ["https://a.example/"], "client_name": "\\ud800"}',
        registration(padding="x" * 20_000),
        registration(grant_types=["client_credentials"]),
        registration(grant_types="authorization_code"),
        registration(grant_types={"authorization_code": True}),
        registration(response_types=["token"]),
        registration(response_types="code"),
    ],
    ids=lambda body: body[:40],
)
def test_what_is_no_registration_we_serve_is_refused(body: bytes) -> None:
    assert refusal(body) == "invalid_client_metadata"


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        {},
        "https://app.example/",
        [None],
        [1],
        [["https://app.example/"]],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["http://app.example/"],
        ["https://app.example/#x"],
        ["https://app.example/", "file:///etc/passwd"],
        ["https://a@app.example/"],
        ["myapp://callback"],
        [f"https://app.example/{number}" for number in range(11)],
        [f"https://app.example/{number}/{'x' * 400}" for number in range(6)],
    ],
    ids=lambda uris: repr(uris)[:40],
)
def test_redirect_uris_that_nobody_may_have_are_refused_as_such(uris: object) -> None:
    assert refusal(registration(redirect_uris=uris)) == "invalid_redirect_uri"


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_registration(body: bytes) -> None:
    with pytest.raises(OAuthFault):
        parse_registration(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ["redirect_uris", "client_name", "grant_types", "response_types", "application_type", "x"]


@given(st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=6))
def test_a_registration_of_any_shape_is_read_or_refused(members: dict[str, Any]) -> None:
    try:
        asked = parse_registration(registration(**members))
    except OAuthFault:
        return
    assert json.dumps(asked.answer(client_id="id", issued_at=1))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, ""),
        (7, ""),
        ("  Claude\n\tCode ", "Claude Code"),
        ("a\u202eedoC edualC", "aedoC edualC"),
        ("\u3164", ""),
        ("\u2800\u2800", ""),
        ("\uffa0\u115f", ""),
        ("\U000e0041", ""),
        ("<!-- -->", ""),
        ("Claude\u200b Co\u00adde\ufe0f", "Claude Code"),
        ("\uff23\uff4c\uff41\uff55\uff44\uff45", "Claude"),
        ("q" + "\u0301" * 60 + "x", "q\u0301\u0301x"),
        ("x\u2028y", "x y"),
        ("\u0639\u0631\u0628\u064a", "\u0639\u0631\u0628\u064a"),
        ("x\x00y\x1b[31m", "x y [31m"),
        ("long " * 50, ("long " * 12).strip()),
        ("\u200b\u2066", ""),
    ],
)
def test_a_name_from_outside_is_made_fit_for_a_page_and_a_log(name: object, shown: str) -> None:
    assert clean_name(name) == shown


@given(st.text())
def test_a_cleaned_name_is_short_and_printable(text: str) -> None:
    assert clean_name(text) == "" or (clean_name(text).isprintable() and len(clean_name(text)) <= 60)


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        (URL, True),
        ("https://app.example:8443/client.json", True),
        ("https://claude.ai/oauth/claude-code-client-metadata", True),
        ("http://app.example/client.json", False),
        ("https://app.example", False),
        ("https://app.example/", False),
        ("https://app.example/a/../client.json", False),
        ("https://app.example//client.json", False),
        ("https://app.example/a//client.json", False),
        ("https://app.example/a/", True),
        ("https://app.example/a%2f..%2fclient.json", False),
        ("https://app.example/a%5cclient.json", False),
        ("https://app.example/%252e%252e/client.json", False),
        ("https://app.example/client%2ejson", False),
        ("https://app.example/caf%C3%A9.json", True),
        ("https://app.example/a/%2E%2e/client.json", False),
        ("https://app.example/./client.json", False),
        ("https://app.example/client.json?x=1", False),
        ("https://app.example/client.json#x", False),
        ("https://user@app.example/client.json", False),
        ("https://APP.example/client.json", False),
        ("https://app.example/cli ent.json", False),
        ("https://app.example/client.json\n", False),
        ("https://[::1]/client.json", False),
        ("https://app.example\\@evil.example/client.json", False),
        ("https://app.example/" + "x" * 300, False),
        ("", False),
    ],
)
def test_only_a_plain_https_address_with_a_path_can_be_a_client_id(url: str, *, usable: bool) -> None:
    assert is_document_url(url) is usable


def test_a_document_describes_its_own_client() -> None:
    asked = parse_client_document(URL, json.dumps(DOCUMENT).encode())
    assert (asked.name, asked.redirect_uris) == ("App", ("http://127.0.0.1:33418/",))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": f"{URL}/"},
        {"client_id": "https://APP.example/client.json"},
        {"client_id": None},
        {"client_id": [URL]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": None},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": "none"},
        {"token_endpoint_auth_methods_supported": 1},
        {"client_secret": "x"},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"grant_types": ["client_credentials"]},
        {"padding": "x" * 6000},
    ],
    ids=lambda changes: repr(changes)[:50],
)
def test_a_document_that_describes_another_or_a_secret_client_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OAuthFault):
        parse_client_document(URL, json.dumps({**DOCUMENT, **changes}).encode())


def test_a_document_that_leaves_the_choice_of_the_method_to_us_is_fine() -> None:
    document = {**DOCUMENT, "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"]}
    assert parse_client_document(URL, json.dumps(document).encode()).name == "App"


@pytest.mark.parametrize(
    "arguments",
    [
        {"client_id": "", "redirect_uris": ["https://a.example/"]},
        {"client_id": "a b", "redirect_uris": ["https://a.example/"]},
        {"client_id": "ä", "redirect_uris": ["https://a.example/"]},
        {"client_id": "x" * 300, "redirect_uris": ["https://a.example/"]},
        {"client_id": "a", "redirect_uris": []},
        {"client_id": "a", "redirect_uris": "https://a.example/"},
        {"client_id": "a", "redirect_uris": ["http://a.example/"]},
        {"client_id": "a", "redirect_uris": ["javascript:alert(1)"]},
    ],
    ids=repr,
)
def test_a_client_registered_by_hand_is_checked_too(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RegisteredClient(**arguments)
    assert caught.value.hint


def test_who_registers_by_hand_may_use_any_private_scheme() -> None:
    assert RegisteredClient("app", ["myapp:/callback"]).redirect_uris == ("myapp:/callback",)


def test_every_entry_of_the_catalogue_can_be_used() -> None:
    known = KnownClients.bundled()
    assert known.version >= 1
    names = {one.name for one in known.clients}
    assert {"Visual Studio Code", "Claude Code", "Claude", "Cursor", "Codex", "MCP Inspector"} <= names
    assert {"mcp-remote", "opencode", "ChatGPT"} <= names
    for one in known.clients:
        body = json.dumps({"redirect_uris": list(one.redirect_uris)}).encode()
        parse_registration(body, private=known.private_redirects)
        if one.document is not None:
            url = one.document["client_id"]
            assert is_document_url(url)
            described = parse_client_document(url, known.document(url) or b"", private=known.private_redirects)
            assert described.name == one.name


def test_the_catalogue_vouches_for_https_addresses_only() -> None:
    known = KnownClients.bundled()
    assert known.name_behind("https://claude.ai/api/mcp/auth_callback") == "Claude"
    assert known.name_behind("http://localhost/callback") is None
    # What arrives there is passed on to wherever the state says.
    assert known.name_behind("https://vscode.dev/redirect") is None
    assert [known.has_owner(uri) for uri in RELAYS] == [False] * 3
    assert known.has_owner("https://claude.ai/api/mcp/auth_callback")
    assert known.name_behind("cursor://anysphere.cursor-mcp/oauth/callback") is None
    assert known.document("https://claude.ai/oauth/other") is None
    assert known.document_hosts == {"vscode.dev", "claude.ai", "chatgpt.com"}
