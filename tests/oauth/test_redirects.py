"""Redirect URIs: what may be registered, what matches, and the games people play with both."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.oauth.redirects import (
    answer_url,
    check_redirect_uri,
    destination,
    has_owner,
    is_loopback_redirect,
    redirect_matches,
    without_port,
)

CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
PRIVATE = {CURSOR}

GOOD = [
    "https://app.example/callback",
    "https://app.example",
    "https://app.example:8443/callback?tenant=a",
    "https://127.0.0.1/callback",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:33418/",
    "http://localhost:6276/oauth/callback",
    "http://[::1]:9/callback",
    "http://localhost",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://[2001:db8::1]:8443/callback",
    "https://intranet/callback",
    "https://xn--bcher-kva.example/callback",
    "com.example.app:/callback",
    "com.example.app://callback",
]

BAD = [
    "https://claude.ai%2fx/",
    "https://%65vil.example/",
    "https://claude.ai%2Eevil.example/",
    "https://claude.ai./",
    "https://claude.ai;evil.example/",
    "https://claude.ai&evil.example/",
    "https://claude.ai,evil/",
    "https://(claude.ai)/",
    "https://!/",
    "https://-/",
    "https://claude_ai.example/",
    "https://[fe80::1%25eth0]/",
    "https://[::ffff:1.2.3.4%25x]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::1",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://127.0.0.0x1/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://EVIL.example/",
    "https://:443/",
    "https://app.example:/",
    "https://app.example:0/",
    "https://app.example:0443/",
    "https://app.example/?x=1;code=planted",
    "https://app.example/?co%64e=planted",
    "https://app.example/?access_token=planted",
    "https://app.example/?response=1",
    "https://app.example/?session_state=1",
    "com.example.app:/callback?code=planted",
    "http://localhost:080/callback",
    "cursor://anysphere.cursor-deeplink/mcp/install?name=x",
    "cursor://anysphere.cursor-mcp/oauth/callback/../x",
    "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
    "vscode://vscode.git/clone?url=https://evil.example/x",
    "vscode://some.extension/callback",
    "x-apple.systempreferences:/x",
    "ms-word.app:/x",
    "itms-apps.example:/x",
    "javascript.x:/alert(1)",
    "data.x:/a",
    "a.b:/x",
    "com:/x",
    "com.:/x",
    "com..example:/x",
    "com.-example:/x",
    "",
    "callback",
    "/callback",
    "//app.example/callback",
    "https:",
    "https://",
    "https:///callback",
    "https:/app.example/callback",
    "https:app.example",
    "HTTPS://app.example/callback",
    "https://user@app.example/callback",
    "https://user:secret@app.example/callback",
    "https://app.example@evil.example/callback",
    "https://app.example/callback#fragment",
    "https://app.example/callback#",
    "https://*.example/callback",
    "https://app.example/*",
    "https://app.example:99999/callback",
    "https://app.example:x/callback",
    "https://app.example/call back",
    " https://app.example/callback",
    "https://app.example/callback\n",
    "https://app.example/call\tback",
    "https://app.example\\@evil.example/callback",
    "https://app.example/\x00",
    "https://äpp.example/callback",
    'https://app.example/"onload',
    "https://app.example/<script>",
    "https://app.example/callback?code=planted",
    "https://app.example/callback?a=1&state=planted",
    "https://app.example/callback?iss=",
    "https://" + "a" * 600 + ".example/",
    "http://app.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.2/callback",
    "http://127.1/callback",
    "http://2130706433/callback",
    "http://0x7f000001/callback",
    "http://0.0.0.0/callback",
    "http://[::]/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "http://localhost.evil.example/callback",
    "http://localhost./callback",
    "http://LOCALHOST/callback",
    "http://localhost@evil.example/callback",
    "http://localhost:0/callback",
    "http://localhost:65536/callback",
    "http://localhost:/callback",
    "http://localhost:8080evil/callback",
    "javascript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "data:text/html,x",
    "data://text/html",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://app.example/x",
    "about:blank",
    "intent://x",
    "mailto:a@b.example",
    "ws://app.example/",
    "app://callback",
    "myapp:/callback",
    "claude-code://callback",
    "com.example.app:callback",
    "com.example.app:///callback",
    ".:/callback",
    "CURSOR://x/y",
]


@pytest.mark.parametrize("uri", GOOD)
def test_an_address_that_a_client_may_have_is_accepted_and_matches_itself(uri: str) -> None:
    assert check_redirect_uri(uri, private=PRIVATE) == uri
    assert redirect_matches(uri, [uri])


@pytest.mark.parametrize("uri", BAD, ids=ascii)
def test_an_address_that_leads_astray_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"redirect URI|private scheme|loopback"):
        check_redirect_uri(uri, private=PRIVATE)


@pytest.mark.parametrize("value", [None, 1, True, ["https://app.example/"], {"a": 1}, b"https://app.example/"])
def test_what_is_no_text_is_no_address(value: object) -> None:
    with pytest.raises(ValueError, match="text"):
        check_redirect_uri(value)


@pytest.mark.parametrize("scheme", ["javascript", "data", "file", "http", "https"])
def test_no_list_of_schemes_makes_a_scheme_of_the_browser_acceptable(scheme: str) -> None:
    with pytest.raises(ValueError, match=r"redirect URI|private scheme|loopback"):
        check_redirect_uri(f"{scheme}:/callback", private={f"{scheme}:/callback"})


@pytest.mark.parametrize(
    ("requested", "registered", "matches"),
    [
        ("http://localhost:50000/callback", "http://localhost/callback", True),
        ("http://localhost/callback", "http://localhost:50000/callback", True),
        ("http://127.0.0.1:1/", "http://127.0.0.1:33418/", True),
        ("http://[::1]:50000/cb", "http://[::1]/cb", True),
        ("http://127.0.0.1:1/callback", "http://localhost/callback", False),
        ("http://localhost:1/callback/", "http://localhost/callback", False),
        ("http://localhost:1/callback?x=1", "http://localhost/callback", False),
        ("http://localhost:1/Callback", "http://localhost/callback", False),
        ("http://localhost:1/callback/../x", "http://localhost/callback", False),
        ("http://localhost:1@evil.example/callback", "http://localhost/callback", False),
        ("http://localhost:1#/callback", "http://localhost/callback", False),
        ("http://localhost:99999/callback", "http://localhost/callback", False),
        ("http://localhost:0/callback", "http://localhost/callback", False),
        ("http://localhost:/callback", "http://localhost/callback", False),
        ("https://localhost:1/callback", "https://localhost/callback", False),
        ("https://app.example:8443/callback", "https://app.example/callback", False),
        ("https://app.example:443/callback", "https://app.example/callback", False),
        ("https://app.example/callback/", "https://app.example/callback", False),
        ("https://APP.example/callback", "https://app.example/callback", False),
        ("https://app.example/callback?", "https://app.example/callback", False),
        ("https://app.example/%63allback", "https://app.example/callback", False),
        ("https://app.example/callback#x", "https://app.example/callback", False),
        ("https://app.example.evil.example/callback", "https://app.example/callback", False),
        ("https://evil.example/https://app.example/callback", "https://app.example/callback", False),
        ("cursor://anysphere.cursor-mcp/oauth/callbackx", "cursor://anysphere.cursor-mcp/oauth/callback", False),
        ("", "http://localhost/callback", False),
    ],
)
def test_addresses_match_byte_for_byte_but_for_the_port_of_loopback(
    requested: str, registered: str, *, matches: bool
) -> None:
    assert redirect_matches(requested, [registered]) is matches


def test_an_endless_address_matches_nothing_without_being_looked_at() -> None:
    endless = "http://localhost:1/" + "a" * 10_000
    assert not redirect_matches(endless, [endless])


@given(st.text())
def test_whatever_is_accepted_is_plain_and_leads_where_it_says(text: str) -> None:
    try:
        uri = check_redirect_uri(text, private=PRIVATE)
    except ValueError:
        return
    parts = urlsplit(uri)
    assert uri.isascii()
    assert "@" not in parts.netloc
    assert not parts.fragment
    assert parts.scheme == "https" or is_loopback_redirect(uri) or "." in parts.scheme or uri in PRIVATE


@given(
    st.sampled_from(["localhost", "127.0.0.1", "[::1]"]),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.text(alphabet="abc/-._~", max_size=20),
)
def test_the_port_of_a_loopback_address_is_the_only_thing_that_may_differ(
    host: str, one: int, other: int, path: str
) -> None:
    registered, requested = f"http://{host}:{one}/{path}", f"http://{host}:{other}/{path}"
    assert redirect_matches(requested, [registered])
    assert without_port(requested) == f"http://{host}/{path}"
    assert not redirect_matches(requested + "x", [registered])


@given(st.sampled_from(GOOD), st.text(max_size=30), st.text(max_size=30))
def test_an_answer_keeps_the_address_and_adds_what_it_says(uri: str, state: str, code: str) -> None:
    url = answer_url(uri, {"code": code, "state": state, "iss": ""})
    assert url.startswith(uri)
    assert "iss=" not in url


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://app.example/cb", "https://app.example/cb?code=c"),
        ("https://app.example/cb?a=1", "https://app.example/cb?a=1&code=c"),
        ("https://app.example/cb?", "https://app.example/cb?code=c"),
        ("https://app.example", "https://app.example?code=c"),
        ("com.example.app:/cb", "com.example.app:/cb?code=c"),
        ("cursor://host/cb", "cursor://host/cb?code=c"),
    ],
)
def test_the_answer_joins_a_query_that_is_there(uri: str, url: str) -> None:
    assert answer_url(uri, {"code": "c"}) == url


def test_people_are_told_where_an_address_leads() -> None:
    assert destination("https://app.example:8443/cb") == "app.example:8443"
    assert "this computer" in destination("http://localhost:1/cb")
    assert "cursor" in destination("cursor://anysphere.cursor-mcp/oauth/callback")
    assert [has_owner(uri) for uri in ("https://a.example/", "http://localhost/", "com.example:/x")] == [
        True,
        False,
        False,
    ]
