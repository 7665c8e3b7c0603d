from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from mcpauthkit.testing import BrowserRobot, DevIssuer, LoopbackServer, OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256") as served:
        yield served


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def registered(http: httpx.Client, issuer: DevIssuer, **metadata: Any) -> httpx.Response:
    return http.post(f"{issuer.issuer_url}/register", json={"redirect_uris": [CALLBACK], **metadata})


def client_of(issuer: DevIssuer, client_id: str) -> OAuthClient:
    return OAuthClient(
        authorize_url=f"{issuer.issuer_url}/authorize",
        token_url=f"{issuer.issuer_url}/token",
        client_id=client_id,
        redirect_uri=CALLBACK,
    )


async def signs_in(client: OAuthClient) -> dict[str, Any]:
    async with BrowserRobot() as robot:
        page = await sign_in(robot, await robot.open(client.authorization_url()), stop_at=CALLBACK)
    answer = await client.exchange(page.query["code"])
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_a_public_client_registers_without_a_secret_and_signs_in(http: httpx.Client, issuer: DevIssuer) -> None:
    answer = registered(
        http,
        issuer,
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        client_name="A test",
        application_type="native",
    )
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    client = answer.json()
    assert "client_secret" not in client
    assert client["grant_types"] == ["authorization_code", "refresh_token"]  # grants we lack are dropped
    assert (client["client_name"], client["application_type"]) == ("A test", "native")
    assert client["redirect_uris"] == [CALLBACK]
    assert "refresh_token" in await signs_in(client_of(issuer, client["client_id"]))


async def test_another_method_gets_a_secret_that_is_then_needed(http: httpx.Client, issuer: DevIssuer) -> None:
    registration = registered(http, issuer, client_secret="my own").json()
    assert registration["token_endpoint_auth_method"] == "client_secret_basic"
    assert registration["client_secret"] != "my own"
    assert registration["client_secret_expires_at"] == 0
    client = client_of(issuer, registration["client_id"])
    assert (await client.exchange("any")).status_code == 401
    client.client_secret = registration["client_secret"]
    assert "refresh_token" not in await signs_in(client)  # not among the registered grants


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "http://localhost:1234/callback",
        "http://127.0.0.1/callback",
        "http://[::1]:1/callback",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "com.example.app:/callback",
    ],
)
def test_honest_redirect_addresses_are_accepted(http: httpx.Client, issuer: DevIssuer, uri: str) -> None:
    assert registered(http, issuer, redirect_uris=[uri]).status_code == 201


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "https://app.example/callback",
        [7],
        ["http://app.example/callback"],
        ["http://127.0.0.1.attacker.example/"],
        ["https://app.example/callback#fragment"],
        ["https://user:pass@app.example/callback"],
        ["https:///callback"],
        ["https://[broken"],
        ["https://app.example:port/"],
        ["https://app.example/callback", "javascript:alert(1)"],
        ["JavaScript:alert(1)"],
        ["java\tscript:alert(1)"],
        [" javascript:alert(1)"],
        ["data:text/html,x"],
        ["file:///etc/passwd"],
        ["/callback"],
    ],
)
def test_dangerous_redirect_addresses_are_refused(http: httpx.Client, issuer: DevIssuer, uris: Any) -> None:
    answer = registered(http, issuer, redirect_uris=uris)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "metadata",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"grant_types": ["implicit"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"response_types": 5},
    ],
)
def test_metadata_we_cannot_honour_is_refused(http: httpx.Client, issuer: DevIssuer, metadata: dict[str, Any]) -> None:
    answer = registered(http, issuer, **metadata)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("body", [b"not json", b"[]", b"\xff"])
def test_a_body_that_is_not_a_json_object_is_refused(http: httpx.Client, issuer: DevIssuer, body: bytes) -> None:
    answer = http.post(f"{issuer.issuer_url}/register", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_registration_can_be_switched_off(http: httpx.Client) -> None:
    with DevIssuer(algorithm="ES256", dynamic_registration=False) as closed:
        assert registered(http, closed).status_code == 403


class Documents:
    """A web server with one client id metadata document that tests write."""

    def __init__(self) -> None:
        self.server = LoopbackServer()
        self.server.app = Starlette(routes=[Route("/client.json", self.serve), Route("/moved.json", self.moved)])
        self.url = f"{self.server.base_url}/client.json"
        self.document: Any = {}
        self.status = 200

    async def serve(self, _: Request) -> Response:
        if isinstance(self.document, bytes):
            return Response(self.document, self.status)
        return JSONResponse(self.document, self.status)

    async def moved(self, _: Request) -> Response:
        return RedirectResponse(self.url)

    def describe(self, **metadata: Any) -> None:
        self.status = 200
        self.document = {"client_id": self.url, "client_name": "Doc", "redirect_uris": [CALLBACK], **metadata}


@pytest.fixture(scope="module")
def served_documents() -> Iterator[Documents]:
    documents = Documents()
    with documents.server:
        yield documents


@pytest.fixture
def documents(served_documents: Documents) -> Documents:
    served_documents.describe()
    return served_documents


async def test_a_client_may_be_the_address_of_its_metadata_document(issuer: DevIssuer, documents: Documents) -> None:
    documents.describe(grant_types=["authorization_code", "refresh_token"], token_endpoint_auth_method="none")
    assert "refresh_token" in await signs_in(client_of(issuer, documents.url))


async def test_the_login_page_names_the_client_of_the_document(issuer: DevIssuer, documents: Documents) -> None:
    documents.describe(client_name="<b>Doc & Co</b>")
    async with BrowserRobot() as robot:
        page = await robot.open(client_of(issuer, documents.url).authorization_url())
    assert "<b>Doc & Co</b> wants to know" in page.text


async def test_a_document_is_fetched_by_the_token_endpoint_when_it_is_not_known_yet(documents: Documents) -> None:
    with DevIssuer(algorithm="ES256") as fresh:
        answer = await client_of(fresh, documents.url).refresh("unknown")
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "http://127.0.0.1/other.json"},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": None},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "canary"},
        {"grant_types": ["implicit"]},
    ],
)
async def test_a_document_that_is_not_in_order_gets_an_error_page(
    issuer: DevIssuer, documents: Documents, change: dict[str, Any]
) -> None:
    documents.describe(**change)
    async with BrowserRobot() as robot:
        page = await robot.open(client_of(issuer, documents.url).authorization_url())
    assert (page.status, len(page.history)) == (400, 1)


@pytest.mark.parametrize("document", [b"not json", b"[]", b"[" * 30 + b"1", b" " * 100_000])
async def test_a_document_that_cannot_be_read_gets_an_error_page(
    issuer: DevIssuer, documents: Documents, document: bytes
) -> None:
    documents.document = document
    async with BrowserRobot() as robot:
        assert (await robot.open(client_of(issuer, documents.url).authorization_url())).status == 400


async def test_a_document_behind_an_error_or_a_redirect_is_refused(issuer: DevIssuer, documents: Documents) -> None:
    async with BrowserRobot() as robot:
        moved = documents.url.replace("client.json", "moved.json")
        assert (await robot.open(client_of(issuer, moved).authorization_url())).status == 400
        documents.status = 404
        assert (await robot.open(client_of(issuer, documents.url).authorization_url())).status == 400


@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1:9/client.json",  # a document's address, but nothing answers there
        "http://app.example/client.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/client.json#part",
        "https://user@app.example/client.json",
        "ftp://app.example/client.json",
    ],
)
async def test_other_addresses_are_not_fetched(issuer: DevIssuer, client_id: str) -> None:
    async with BrowserRobot() as robot:
        assert (await robot.open(client_of(issuer, client_id).authorization_url())).status == 400


async def test_metadata_documents_can_be_switched_off(documents: Documents) -> None:
    with DevIssuer(algorithm="ES256", client_metadata_documents=False) as strict:
        async with BrowserRobot() as robot:
            page = await robot.open(client_of(strict, documents.url).authorization_url())
    assert "unknown client" in page.text
