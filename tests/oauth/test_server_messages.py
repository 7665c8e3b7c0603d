"""What an authorization server reads: forms, authorization requests, token requests; and what it answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import GrantRefused, OAuthFault, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.authorization import code_challenge
from mcpauthkit.oauth.messages import HttpResponse
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.revocation import process_revocation_response, revocation_request
from mcpauthkit.oauth.server_authorization import parse_authorization
from mcpauthkit.oauth.server_metadata import metadata_paths
from mcpauthkit.oauth.server_scopes import ScopeRules
from mcpauthkit.oauth.server_token import CodeGrant, RefreshGrant, digest, fault_of, token_answer
from mcpauthkit.oauth.token import OAuthClient, TokenSet

RESOURCE = "https://mcp.example/mcp"
OTHER = "https://mcp.example/other"
VERIFIER = "v" * 43
GOOD = {
    "response_type": "code",
    "code_challenge": code_challenge(VERIFIER),
    "code_challenge_method": "S256",
    "state": "s",
    "scope": "openid mcp:tools",
}
SCOPES = ScopeRules(("openid",), ("mcp:tools", "x" * 1000))
TARGETS = {RESOURCE: RESOURCE, f"{RESOURCE}/": RESOURCE, OTHER: OTHER}


def parse(*more: tuple[str, str], targets: dict[str, str] = TARGETS, **changes: Any) -> Any:
    named = {"resource": OTHER} if len(targets) > 1 and not any(name == "resource" for name, _ in more) else {}
    pairs = [*{**GOOD, **named, **changes}.items(), *more]
    return parse_authorization(
        Parameters.of(pairs),
        client="c",
        redirect_uri="http://localhost/cb",
        resources=targets,
        scopes=SCOPES,
    )


def test_a_request_in_order_is_read() -> None:
    asked, prompting = parse(("resource", f"{RESOURCE}/"), prompt="consent login")
    assert (asked.scopes, asked.resource, asked.state) == (("openid", "mcp:tools"), RESOURCE, "s")
    # `consent` is for our own page.
    assert asked.prompt == "login"
    assert prompting.ask_again
    assert not prompting.no_pages


def test_what_is_left_out_has_a_default() -> None:
    assert parse(scope="")[0].scopes == ("openid",)
    assert parse(targets={RESOURCE: RESOURCE, f"{RESOURCE}/": RESOURCE}, resource="")[0].resource == RESOURCE
    assert parse(state="")[0].state == ""


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ("invalid_request", {"response_type": ""}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": "code id_token"}),
        ("invalid_request", {"response_mode": "fragment"}),
        ("invalid_request", {"response_mode": "form_post"}),
        ("invalid_request", {"code_challenge": ""}),
        ("invalid_request", {"code_challenge": "x" * 42}),
        ("invalid_request", {"code_challenge": "x" * 44}),
        ("invalid_request", {"code_challenge": "x" * 42 + "\n"}),
        ("invalid_request", {"code_challenge": "x" * 42 + "="}),
        ("invalid_request", {"code_challenge_method": ""}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge_method": "s256"}),
        ("invalid_request", {"state": "x" * 1025}),
        ("invalid_request", {"state": "line\nbreak"}),
        ("invalid_request", {"state": "ä"}),
        ("invalid_scope", {"scope": "openid admin:all"}),
        ("invalid_scope", {"scope": "https://graph.microsoft.com/Mail.ReadWrite"}),
        ("invalid_target", {"resource": ""}),
        ("invalid_scope", {"scope": "a\tb"}),
        ("invalid_scope", {"scope": 'a"b'}),
        ("invalid_scope", {"scope": "a\\b"}),
        ("invalid_scope", {"scope": "ä"}),
        ("invalid_scope", {"scope": "x" * 1025}),
        ("invalid_request", {"prompt": "none login"}),
        ("request_not_supported", {"request": "x"}),
        ("request_uri_not_supported", {"request_uri": "https://x.example/"}),
        ("invalid_request", {"state": '"' * 1000, "scope": "x" * 1000}),
    ],
    ids=repr,
)
def test_a_fault_has_the_error_of_the_standard(error: str, changes: dict[str, Any]) -> None:
    with pytest.raises(OAuthFault) as caught:
        parse(**changes)
    assert caught.value.error == error


@pytest.mark.parametrize(
    "resources",
    [("https://evil.example/mcp",), (RESOURCE, OTHER), (RESOURCE, "https://evil.example/"), (f"{RESOURCE}//",)],
)
def test_a_resource_that_is_not_one_of_ours_is_refused(resources: tuple[str, ...]) -> None:
    with pytest.raises(OAuthFault) as caught:
        parse(*(("resource", one) for one in resources))
    assert caught.value.error == "invalid_target"


@pytest.mark.parametrize("name", ["state", "scope", "code_challenge", "unknown"])
def test_a_repeated_parameter_is_refused(name: str) -> None:
    with pytest.raises(OAuthFault) as caught:
        parse((name, "x"), (name, "x"))
    assert caught.value.error == "invalid_request"


def test_a_resource_may_be_repeated() -> None:
    assert parse(("resource", RESOURCE), ("resource", f"{RESOURCE}/"))[0].resource == RESOURCE


@pytest.mark.parametrize("body", [b"a", b"a=%ff", b"\xff=1", b"a=1&a=2", b"a=1&&b=2", b"&".join([b"a=1"] * 100), b"{}"])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(OAuthFault) as caught:
        Parameters.of_form(body)
    assert caught.value.error == "invalid_request"


def test_an_empty_form_is_a_form_without_parameters() -> None:
    assert Parameters.of_form(b"").get("a") == ""


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_form(body: bytes) -> None:
    try:
        parameters = Parameters.of_form(body)
    except OAuthFault:
        return
    assert not parameters.repeated


def code_grant() -> CodeGrant:
    return CodeGrant(
        client=digest("id"),
        redirect=digest("http://localhost:1/cb"),
        code_challenge=code_challenge(VERIFIER),
        scope="openid",
        resource=RESOURCE,
        upstream_code="u",
        upstream_verifier="w",
    )


REDEMPTION = {"client_id": "id", "redirect_uri": "http://localhost:1/cb", "code_verifier": VERIFIER}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://localhost:2/cb"},
        {"redirect_uri": "http://localhost:1/cb/"},
        {"code_verifier": "x" * 43},
        {"code_verifier": VERIFIER[:-1]},
        {"code_verifier": VERIFIER + "é"},
        {"code_verifier": "v" * 129},
    ],
    ids=repr,
)
def test_a_code_is_good_for_its_own_request_only(changes: dict[str, str]) -> None:
    code_grant().check(Parameters.of(REDEMPTION.items()), resource=None)
    with pytest.raises(OAuthFault) as caught:
        code_grant().check(Parameters.of({**REDEMPTION, **changes}.items()), resource=RESOURCE)
    assert caught.value.error == "invalid_grant"


@pytest.mark.parametrize("missing", ["client_id", "code_verifier"])
def test_a_code_needs_its_client_and_its_verifier(missing: str) -> None:
    with pytest.raises(OAuthFault) as caught:
        code_grant().check(Parameters.of({**REDEMPTION, missing: ""}.items()), resource=None)
    assert caught.value.error == "invalid_request"


def test_a_code_is_not_for_another_resource() -> None:
    with pytest.raises(OAuthFault) as caught:
        code_grant().check(Parameters.of(REDEMPTION.items()), resource=OTHER)
    assert caught.value.error == "invalid_target"


def refresh_grant(scope: str, asked: str) -> RefreshGrant:
    return RefreshGrant("c", scope, asked, RESOURCE, 0.0, "t")


@pytest.mark.parametrize(
    ("wanted", "upstream"),
    [((), ()), (("a", "b"), ()), (("a", "b", "c"), ()), (("a",), ("a",)), (("a", "c"), ("a",)), (("b", "a"), ())],
)
def test_a_refresh_narrows_and_repeating_what_was_not_granted_is_no_wish_for_more(
    wanted: tuple[str, ...], upstream: tuple[str, ...]
) -> None:
    # Codex repeats all it asked for, also what the user did not get.
    assert refresh_grant("a b", "a b c").narrowed(wanted, ScopeRules(("a", "b", "c"))) == upstream


@pytest.mark.parametrize("wanted", [("a", "d"), ("b",)])
def test_a_refresh_cannot_widen_and_is_not_for_what_was_not_granted(wanted: tuple[str, ...]) -> None:
    with pytest.raises(OAuthFault) as caught:
        refresh_grant("a", "a b").narrowed(wanted, ScopeRules(("a", "b", "d")))
    assert caught.value.error == "invalid_scope"


@pytest.mark.parametrize(
    ("wanted", "offered", "outcome"),
    [
        ((), ("a",), ("a",)),
        (("a", "b"), ("a",), ("a",)),
        (("b",), ("a",), "invalid_scope"),
        ((), ("c",), "invalid_grant"),
        ((), ("a", "b"), ()),
    ],
)
def test_a_grant_older_than_the_configuration_keeps_to_what_is_offered_today(
    wanted: tuple[str, ...], offered: tuple[str, ...], outcome: tuple[str, ...] | str
) -> None:
    grant = refresh_grant("a b", "a b")
    if isinstance(outcome, tuple):
        assert grant.narrowed(wanted, ScopeRules(offered)) == outcome
        return
    with pytest.raises(OAuthFault) as caught:
        grant.narrowed(wanted, ScopeRules(offered))
    assert caught.value.error == outcome


@pytest.mark.parametrize(
    ("asked", "granted", "got", "beyond"),
    [
        (("a", "b"), None, ("a", "b"), ()),
        (("a", "b"), ("a",), ("a",), ()),
        (("a",), ("a", "admin"), ("a",), ("admin",)),
        (("a",), ("a", "openid", "email"), ("a",), ()),
        (("a",), (), (), ()),
        (("openid", "api://x/read", "api://x/write"), ("read",), ("api://x/read",), ()),
        (("read",), ("api://x/read",), (), ("api://x/read",)),
        (("api://x/.default",), ("read", "write"), ("api://x/.default",), ()),
        ((), ("read",), (), ()),
    ],
)
def test_granted_is_what_was_asked_for_and_given(
    asked: tuple[str, ...], granted: tuple[str, ...] | None, got: tuple[str, ...], beyond: tuple[str, ...]
) -> None:
    rules = ScopeRules((), short_names=True)
    assert rules.granted(asked, granted) == got
    assert rules.beyond(asked, granted) == beyond


def test_a_short_name_is_another_scope_where_the_issuer_does_not_shorten() -> None:
    rules = ScopeRules(())
    assert rules.granted(["api://x/read"], ["read"]) == ()
    assert rules.beyond(["api://x/read"], ["read"]) == ("read",)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (GrantRefused("invalid_grant"), 400, "invalid_grant"),
        (GrantRefused("interaction_required"), 400, "invalid_grant"),
        (GrantRefused("invalid_scope"), 400, "invalid_scope"),
        (GrantRefused("invalid_client", "canary", reason="canary"), 502, "server_error"),
        (GrantRefused("canary"), 502, "server_error"),
        (RemoteUnavailable("canary", reason="canary"), 503, "temporarily_unavailable"),
        (RemoteMisbehaved("canary", reason="canary"), 502, "server_error"),
    ],
    ids=repr,
)
def test_a_client_hears_what_it_can_act_on_and_never_the_issuers_words(
    error: RemoteError, status: int, told: str
) -> None:
    fault = fault_of(error)
    assert (fault.status, fault.error) == (status, told)
    assert "canary" not in fault.public


def test_the_answer_has_no_id_token_and_says_what_was_granted() -> None:
    tokens = TokenSet(Secret("a"), "bearer", 300.0, Secret("r"), None, Secret("id"))
    assert token_answer(tokens, scopes=["openid"], refresh_token="sealed") == {
        "access_token": "a",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "openid",
        "refresh_token": "sealed",
    }
    bare = TokenSet(Secret("a"), "odd", None, None, ("admin",), None)
    assert token_answer(bare, scopes=[], refresh_token=None) == {"access_token": "a", "token_type": "odd"}


def test_documents_stand_at_every_place_where_clients_look() -> None:
    assert len(metadata_paths("https://mcp.example")) == 2
    assert metadata_paths("https://mcp.example/tools")[2:] == [
        "/.well-known/oauth-authorization-server/tools",
        "/.well-known/openid-configuration/tools",
    ]


def test_a_revocation_names_the_token_and_proves_the_client() -> None:
    client = OAuthClient("id", Secret("s"), "client_secret_post")
    request = revocation_request("https://i.example/revoke", client, token=Secret("t"), kind="refresh_token")
    assert request.form == {
        "token": "t",
        "token_type_hint": "refresh_token",
        "client_id": "id",
        "client_secret": "s",
    }
    process_revocation_response(HttpResponse(200, {}, b""))
    with pytest.raises(RemoteUnavailable):
        process_revocation_response(HttpResponse(503, {}, b""))
    with pytest.raises(RemoteMisbehaved):
        process_revocation_response(HttpResponse(400, {}, b""))
