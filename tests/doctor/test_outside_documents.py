"""A healthy world with one fault in the documents clients read, or in the issuer: exactly that is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mcpauthkit.doctor.outside.table import OUTSIDE_CHECKS
from mcpauthkit.testing import DevIssuer
from tests.doctor.healthy import Asgi, healthy, issuer_says
from tests.doctor.rewriting import answering, changing_answers, changing_document

METADATA = "/.well-known/oauth-protected-resource"
ANYBODY = {"access-control-allow-origin": "*"}

Change = Callable[[dict[str, Any]], object]


def at_resource(change: Change) -> Callable[[Asgi], Asgi]:
    return changing_document(f"{METADATA}/mcp", lambda document, _: change(document))


def setting(**members: Any) -> Change:
    return lambda document: document.update(members)


def leaving_out(*members: str) -> Change:
    return lambda document: [document.pop(member) for member in members]


def slashed(member: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        value = document[member]
        document[member] = [f"{one}/" for one in value] if isinstance(value, list) else f"{value}/"

    return change


def at_root_only(app: Asgi) -> Asgi:
    gateway = answering(f"{METADATA}/mcp", 404)(app)
    return changing_answers(point_to_root)(gateway)


def point_to_root(headers: dict[str, str]) -> None:
    if "www-authenticate" in headers:
        headers["www-authenticate"] = headers["www-authenticate"].replace(f"{METADATA}/mcp", METADATA)


GATEWAYS: dict[str, Callable[[Asgi], Asgi]] = {
    "prm-missing": answering(METADATA, 404),
    "prm-needs-token": answering(METADATA, 401),
    "prm-not-json": answering(METADATA, 200, "<!doctype html><title>Welcome</title>", content_type="text/html"),
    "prm-not-at-path-form": at_root_only,
    "prm-resource-mismatch": at_resource(setting(resource="http://backend:8000/mcp")),
    "prm-resource-trailing-slash": at_resource(slashed("resource")),
    "prm-without-issuer": at_resource(leaving_out("authorization_servers")),
    "prm-several-issuers": at_resource(lambda one: one["authorization_servers"].append("https://other.example")),
    "prm-not-readable-by-pages": changing_answers(
        lambda headers: headers.pop("access-control-allow-origin", None),
        when=lambda scope: scope["path"].startswith(METADATA),
    ),
    "scopes-unknown-to-issuer": at_resource(setting(scopes_supported=["openid", "mcp:admin"])),
    "issuer-plain-http": at_resource(setting(authorization_servers=["http://issuer.example.com"])),
    "issuer-trailing-slash": at_resource(slashed("authorization_servers")),
}


@pytest.mark.parametrize("code", GATEWAYS)
async def test_a_spoilt_document_is_named_and_nothing_else(code: str) -> None:
    with healthy(served=True, around=GATEWAYS[code]) as world:
        assert await world.codes(app=None) == [code]


ISSUERS: dict[str, Change] = {
    "issuer-mismatch": setting(issuer="https://issuer.example.com"),
    "issuer-trailing-slash": slashed("issuer"),
    "issuer-endpoint-missing": leaving_out("token_endpoint"),
    "issuer-without-code-flow": setting(response_types_supported=["id_token"]),
    "issuer-without-response-types": leaving_out("response_types_supported"),
    "issuer-without-s256": setting(code_challenge_methods_supported=["plain"]),
    "issuer-s256-unlisted": leaving_out("code_challenge_methods_supported"),
    "issuer-without-registration": leaving_out("registration_endpoint", "client_id_metadata_document_supported"),
    "issuer-without-dynamic-registration": leaving_out("registration_endpoint"),
    "issuer-documents-without-none": setting(token_endpoint_auth_methods_supported=["client_secret_basic"]),
    "issuer-plain-http": setting(token_endpoint="http://issuer.example.com/token"),
}


@pytest.mark.parametrize("code", ISSUERS)
async def test_what_an_issuer_says_wrongly_is_named_and_nothing_else(code: str) -> None:
    with healthy(served=True) as world:
        issuer_says(world.issuer, ISSUERS[code])
        assert await world.codes(app=None) == [code]


def is_down(issuer: DevIssuer) -> None:
    issuer.faults.respond("discovery", status=503)


def has_no_metadata(issuer: DevIssuer) -> None:
    issuer.faults.respond("discovery", status=404)


def keeps_registration_closed(issuer: DevIssuer) -> None:
    issuer.faults.respond("register", status=403)


def has_lost_its_keys(issuer: DevIssuer) -> None:
    issuer.faults.respond("jwks", status=404)


def publishes_no_keys(issuer: DevIssuer) -> None:
    issuer.faults.respond("jwks", status=200, body=json.dumps({"keys": []}))


def publishes_something_else(issuer: DevIssuer) -> None:
    issuer.faults.respond("jwks", status=200, body=json.dumps({"name": "not a key set"}))


def redirects_to_its_keys(issuer: DevIssuer) -> None:
    issuer.misbehave(jwks_redirect=True)


CONDUCT: dict[Callable[[DevIssuer], None], str] = {
    is_down: "issuer-unreachable",
    has_no_metadata: "issuer-without-metadata",
    keeps_registration_closed: "registration-needs-permission",
    has_lost_its_keys: "issuer-keys-unusable",
    publishes_no_keys: "issuer-keys-unusable",
    publishes_something_else: "issuer-keys-unusable",
    redirects_to_its_keys: "issuer-keys-unusable",
}


@pytest.mark.parametrize(("conduct", "code"), CONDUCT.items(), ids=[one.__name__ for one in CONDUCT])
async def test_what_an_issuer_does_wrongly_is_named_and_nothing_else(
    conduct: Callable[[DevIssuer], None], code: str
) -> None:
    with healthy(served=True) as world:
        conduct(world.issuer)
        assert await world.codes(app=None) == [code]


async def test_an_issuer_whose_clients_may_only_act_for_themselves_is_named() -> None:
    with healthy(served=True) as world:
        issuer_says(world.issuer, setting(grant_types_supported=["client_credentials"]))
        assert await world.codes(app=None) == ["issuer-without-code-flow"]


async def test_a_server_without_a_path_is_noted() -> None:
    def at_root(app: Asgi) -> Asgi:
        def name_the_origin(document: dict[str, Any], _: Any) -> None:
            document["resource"] = document["resource"].removesuffix("/mcp")

        behind = changing_answers(point_to_root)(changing_document(METADATA, name_the_origin)(app))

        async def gateway(scope: Any, receive: Any, send: Any) -> None:
            await behind({**scope, "path": "/mcp"} if scope.get("path") == "/" else scope, receive, send)

        return gateway

    with healthy(served=True, around=at_root) as world:
        assert await world.codes(app=None, url=world.parts.base_url) == ["resource-is-origin"]


@pytest.mark.parametrize(
    ("path", "code"), [("/authorize", "authorize-not-served"), ("/token", "token-endpoint-not-served")]
)
async def test_a_proxy_whose_endpoint_is_shadowed_is_named(path: str, code: str) -> None:
    with healthy(mode="proxy", served=True, around=answering(path, 404)) as world:
        assert await world.codes(app=None) == [code]


async def test_the_issuer_of_a_public_server_is_not_looked_for_on_this_machine() -> None:
    public = {"server_base_url": "https://mcp.example.com"}
    with healthy(router=public, middleware=public, provider=public) as world:
        report = await world.report(checks=OUTSIDE_CHECKS)
        assert [one.code for one in report.findings] == ["issuer-on-loopback"]
        assert world.issuer.requests.count("authorize") == world.issuer.requests.count("register") == 0


async def test_asking_signs_nobody_in_and_asks_for_no_token() -> None:
    with healthy(served=True) as world:
        await world.report(token=world.token())
        assert world.issuer.requests.count("authorize") == world.issuer.requests.count("token") == 0
