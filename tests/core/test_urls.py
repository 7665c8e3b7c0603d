"""Addresses are checked and never rewritten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.urls import (
    check_base_url,
    check_issuer_url,
    is_loopback_host,
    is_trustworthy_url,
    origin_of,
    path_of,
    well_known_url,
    with_query,
)
from mcpauthkit.errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example.com",
        "https://example.com/tools",
        "https://example.com:8443",
        "http://localhost:8000",
        "http://LOCALHOST",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:8000",
    ],
)
def test_a_public_base_url_is_taken_as_it_is(url: str) -> None:
    assert check_base_url(url, "server_base_url") == url
    assert check_base_url(f"{url}/", "server_base_url") == url
    assert is_trustworthy_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mcp.example.com",
        "//mcp.example.com",
        "/mcp",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "https://user@example.com",
        "https://user:password@example.com",
        "https://example.com\\@evil.example",
        "https://example.com?x=1",
        "https://example.com?",
        "https://example.com#x",
        "https://example.com#",
        "https://exam ple.com",
        " https://example.com",
        "https://example.com\n",
        "https://example.com\t",
        "https://example.com:port",
        "https://example.com:99999",
    ],
)
def test_an_unsafe_or_ambiguous_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(url, "server_base_url")
    assert caught.value.hint
    with pytest.raises(ConfigurationError):
        check_issuer_url(url)


@pytest.mark.parametrize("url", ["https://user:hunter2@example.com", "https://user:hunter2 @example.com:x"])
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="server_base_url") as caught:
        check_base_url(url, "server_base_url")
    assert "hunter2" not in f"{caught.value} {caught.value.reason} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "issuer", ["https://issuer.example", "https://issuer.example/", "https://ISSUER.example/Realms/a/", "https://a//"]
)
def test_an_issuer_stays_byte_for_byte(issuer: str) -> None:
    assert check_issuer_url(issuer) == issuer


def test_no_host_is_not_this_machine() -> None:
    assert not is_loopback_host(None)
    assert not is_loopback_host("")


def test_only_encrypted_or_local_places_get_secrets() -> None:
    assert not is_trustworthy_url("http://example.com")
    assert is_trustworthy_url("https://example.com")
    assert not is_trustworthy_url("https://user:pass@example.com")
    assert not is_trustworthy_url("urn:x")


@given(st.text())
def test_no_text_makes_the_checks_crash(text: str) -> None:
    assert is_trustworthy_url(text) in {True, False}


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("https://a.example", "https://a.example/.well-known/x"),
        ("https://a.example/", "https://a.example/.well-known/x"),
        ("https://a.example/mcp", "https://a.example/.well-known/x/mcp"),
        ("https://a.example:8443/realms/r/", "https://a.example:8443/.well-known/x/realms/r"),
    ],
)
def test_well_known_addresses_are_inserted_before_the_path(identifier: str, expected: str) -> None:
    # RFC 8414 section 3, RFC 9728 section 3.
    assert well_known_url(identifier, "x") == expected


def test_parameters_are_added_to_a_query_that_is_there() -> None:
    # The second `?` of mcp-authkit (A1, extra_authorize_params).
    assert with_query("https://a.example/p?x=1", {"y": "2 3&="}) == "https://a.example/p?x=1&y=2+3%26%3D"
    assert with_query("https://a.example/p", {"y": "2"}) == "https://a.example/p?y=2"


def test_origin_and_path_of_an_address() -> None:
    assert origin_of("https://a.example:1/b/c?d") == "https://a.example:1"
    assert path_of("https://a.example:1/b/c?d") == "/b/c"
    assert path_of("https://a.example") == ""
