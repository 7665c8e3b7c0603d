"""Who may ask: clients registered by hand, by themselves, and by a metadata document."""

from __future__ import annotations

import gc
import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import KeyRing, RegisteredClient, oauth_meta_router
from mcpauthkit.errors import RemoteError
from mcpauthkit.protocol.client_documents import SafeClientDocuments
from mcpauthkit.testing import BrowserRobot
from tests.web.proxy_world import CALLBACK, HOSTED, RING, Documents, ProxyWorld, proxy_world

CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"
APP = "https://docs.example/client.json"
APP_DOCUMENT = json.dumps({"client_id": APP, "client_name": "Documented", "redirect_uris": [CALLBACK]}).encode()


async def status_of(here: ProxyWorld, client_id: str, redirect_uri: str | None = CALLBACK) -> int:
    client = here.client(client_id)
    async with httpx.AsyncClient() as http:
        answer = await http.get(client.authorization_url(redirect_uri=redirect_uri))
    # Neither page nor error sends anybody anywhere as long as client and address do not belong together.
    assert "location" not in answer.headers
    return answer.status_code


async def test_a_client_registered_by_hand_signs_in() -> None:
    with proxy_world(clients=[RegisteredClient("desk", [CALLBACK], "Help desk")], dynamic_registration=False) as here:
        assert (await here.register(CALLBACK)).status_code in {401, 404}
        client = here.client("desk")
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url())
            assert "Help desk" in page.text
            assert "nobody has checked" not in page.text
        assert (await here.tokens(client))["access_token"]


async def test_a_known_client_signs_in_by_its_document_without_a_network() -> None:
    documents = Documents({})
    with proxy_world(client_documents=documents) as here:
        client = here.client(CLAUDE_CODE, "http://localhost:50111/callback")
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url())
            assert "Claude Code" in page.text
            assert "claude.ai" in page.text
        assert (await here.tokens(client))["access_token"]
        assert documents.asked == []


async def test_a_document_of_a_listed_host_is_fetched_once_and_one_of_another_host_never() -> None:
    documents = Documents({APP: APP_DOCUMENT, "https://evil.example/client.json": b"{}"})
    with proxy_world(client_documents=documents, client_document_hosts=["docs.example"]) as here:
        client = here.client(APP)
        assert (await here.tokens(client))["access_token"]
        assert await status_of(here, "https://evil.example/client.json") == 400
        assert await status_of(here, "https://docs.example@evil.example/client.json") == 400
        assert await status_of(here, "https://docs.example:8443/client.json") == 400
        assert await status_of(here, CLAUDE_CODE) == 400
        assert await status_of(here, APP, HOSTED) == 400
        assert documents.asked == [APP]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 503),
        (b"", 400),
        (b"[]", 400),
        (APP_DOCUMENT.replace(b"docs.example", b"evil.example"), 400),
        (APP_DOCUMENT.replace(b"http://127.0.0.1:9/callback", b"javascript:alert(1)"), 400),
        (APP_DOCUMENT[:-1] + b',"token_endpoint_auth_method":"client_secret_post"}', 400),
    ],
)
async def test_a_document_that_is_not_there_or_not_in_order_is_a_page(body: bytes | None, status: int) -> None:
    documents = Documents({} if body is None else {APP: body})
    with proxy_world(client_documents=documents, client_document_hosts=["docs.example"]) as here:
        assert await status_of(here, APP) == status
        # A failure is not repeated at once, however often somebody asks.
        assert await status_of(here, APP) == status
        assert documents.asked == [APP]


async def test_documents_can_be_switched_off() -> None:
    with proxy_world(client_document_hosts=()) as here:
        assert await status_of(here, CLAUDE_CODE) == 400
        async with httpx.AsyncClient() as http:
            metadata = (await http.get(f"{here.base}/.well-known/oauth-authorization-server")).json()
        assert metadata["client_id_metadata_document_supported"] is False


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/client.json", "https://169.254.169.254/latest/meta-data", "http://docs.example/x"]
)
async def test_nobody_is_led_into_our_own_network(url: str) -> None:
    with pytest.raises(RemoteError):
        await SafeClientDocuments().fetch(url)


@pytest.mark.parametrize(
    ("client_id", "redirect_uri"),
    [
        ("unknown", CALLBACK),
        ("", CALLBACK),
        ("mk1.test.AAAA", CALLBACK),
        (None, CALLBACK),
        ("good", None),
        ("good", ""),
        ("good", "https://evil.example/"),
        ("good", "http://127.0.0.1:9/callback/../evil"),
        ("good", "http://127.0.0.1:9@evil.example/callback"),
        ("good", "http://localhost:9/callback"),
        ("good", "javascript:alert(1)"),
        ("good", "http://127.0.0.1:9/callback#x"),
        ("edited", CALLBACK),
    ],
)
async def test_an_unknown_client_or_a_foreign_address_is_a_page_and_never_a_redirect(
    client_id: str | None, redirect_uri: str | None
) -> None:
    with proxy_world() as here:
        good = (await here.registered()).client_id
        chosen = {"good": good, "edited": good[:-2] + ("AA" if not good.endswith("AA") else "BB")}
        client = here.client(chosen.get(client_id or "", client_id or ""))
        url = client.authorization_url(redirect_uri=redirect_uri, **({"client_id": None} if client_id is None else {}))
        async with httpx.AsyncClient() as http:
            answer = await http.get(url)
            twice = await http.get(f"{client.authorization_url()}&redirect_uri={CALLBACK}")
        for one in (answer, twice):
            assert one.status_code == 400
            assert "location" not in one.headers
            assert "text/html" in one.headers["content-type"]


async def test_an_id_of_another_application_or_key_is_unknown() -> None:
    with proxy_world() as one, proxy_world() as other:
        assert await status_of(other, (await one.registered()).client_id) == 400
    ring = KeyRing({"other": "o" * 40}, minting="other")
    with proxy_world() as here:
        client_id = (await here.registered()).client_id
        here.options["key_ring"] = ring
        await here.restart()
        assert await status_of(here, client_id) == 400
        # A retired key still opens what it sealed.
        here.options["key_ring"] = KeyRing(
            {"new": "n" * 40, "test": "test-key-of-at-least-32-bytes-length"}, minting="new"
        )
        await here.restart()
        assert await status_of(here, client_id) == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"[]", 400, "invalid_client_metadata"),
        (b"", 400, "invalid_client_metadata"),
        (b"redirect_uris=x", 400, "invalid_client_metadata"),
        (b'{"redirect_uris": []}', 400, "invalid_redirect_uri"),
        (b'{"redirect_uris": ["javascript:alert(1)"]}', 400, "invalid_redirect_uri"),
        (b'{"redirect_uris": ["http://app.example/"]}', 400, "invalid_redirect_uri"),
        (b'{"redirect_uris": ["' + b"x" * 5_000_000 + b'"]}', 413, "invalid_client_metadata"),
    ],
    ids=["array", "empty", "form", "none", "script", "http", "five megabytes"],
)
async def test_a_registration_that_is_not_in_order_is_refused(body: bytes, status: int, error: str) -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{here.base}/register", content=body)
        assert answer.status_code == status
        assert answer.json()["error"] == error
        assert answer.headers["cache-control"] == "no-store"


async def test_a_registration_is_answered_with_an_id_that_fits_into_an_address() -> None:
    with proxy_world() as here:
        uris = ["https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect"]
        uris += ["http://127.0.0.1/", "http://127.0.0.1:33418/"]
        answer = await here.register(*uris, application_type="native", client_name="Visual Studio Code")
        assert answer.status_code == 201
        body = answer.json()
        assert body["redirect_uris"] == uris
        assert "client_secret" not in body
        assert isinstance(body["client_id_issued_at"], int)
        client_id = body["client_id"]
        assert len(client_id) < 300
        assert client_id.replace(".", "").replace("-", "").replace("_", "").isalnum()
        for uri in (*uris, "http://127.0.0.1:50000/"):
            assert await status_of(here, client_id, uri) == 200


async def test_ten_thousand_registrations_leave_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    # Otherwise the log is what grows.
    caplog.set_level(logging.WARNING, logger="mcpauthkit")
    router = oauth_meta_router(
        server_base_url="https://mcp.example", issuer_url="https://issuer.example", client_id="x", key_ring=RING
    )
    app = FastAPI()
    app.include_router(router)
    body: dict[str, Any] = {"redirect_uris": [CALLBACK], "client_name": "Many"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://mcp.example") as http:

        async def register(times: int) -> str:
            client_id = ""
            for _ in range(times):
                client_id = (await http.post("/register", json=body)).json()["client_id"]
            return client_id

        await register(200)
        gc.collect()
        before = len(gc.get_objects())
        last = await register(10_000)
        gc.collect()
        assert len(gc.get_objects()) - before < 500
    again = FastAPI()
    again.include_router(
        oauth_meta_router(
            server_base_url="https://mcp.example", issuer_url="https://issuer.example", client_id="x", key_ring=RING
        )
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(again), base_url="https://mcp.example") as http:
        query = {"client_id": last, "redirect_uri": CALLBACK, "response_type": "code"}
        query |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        assert (await http.get("/authorize", params=query)).status_code == 200


async def test_names_in_the_log_are_harmless_and_ids_are_short(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="mcpauthkit")
    with proxy_world() as here:
        client = await here.registered(client_name="a\nFAKE line\x1b[31m")
        tokens = await here.tokens(client)
        await client.refresh(tokens["refresh_token"])
    for event in ("client_registered", "consent_given", "code_issued", "code_redeemed", "token_renewed"):
        assert f"proxy.{event} " in caplog.text
    assert "\nFAKE" not in caplog.text
    secrets = [client.client_id, client.state, client.code_verifier, tokens["access_token"], tokens["refresh_token"]]
    assert not [one for one in secrets if one in caplog.text]
