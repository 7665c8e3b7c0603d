from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from mcpauthkit.testing import DevIssuer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def served() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256") as issuer:
        yield issuer


@pytest.fixture
def issuer(served: DevIssuer) -> Iterator[DevIssuer]:
    yield served
    served.behave()
    served.requests.clear()


def test_a_fault_answers_as_often_as_told(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.faults.respond("jwks", status=503, times=2, body='{"a": 1}', headers={"retry-after": "7"})
    first, second, third = (http.get(issuer.jwks_url) for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (503, 503, 200)
    assert (first.json(), first.headers["retry-after"]) == ({"a": 1}, "7")


def test_a_fault_without_a_number_lasts_until_cleared(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.faults.respond("jwks")
    assert [http.get(issuer.jwks_url).status_code for _ in range(3)] == [500, 500, 500]
    issuer.faults.clear()
    assert http.get(issuer.jwks_url).status_code == 200


def test_other_endpoints_are_not_affected(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.faults.respond("token")
    issuer.faults.hang("discovery")
    assert http.get(issuer.jwks_url).status_code == 200


def test_a_delay_holds_one_endpoint_and_not_the_server(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.faults.delay("jwks", seconds=0.1)
    started = time.monotonic()
    assert http.get(issuer.jwks_url).status_code == 200
    assert time.monotonic() - started >= 0.1


async def test_a_hanging_endpoint_answers_once_cleared(issuer: DevIssuer) -> None:
    issuer.faults.hang("jwks")
    answers: list[int] = []

    async with httpx.AsyncClient(timeout=10) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            answers.append((await client.get(issuer.jwks_url)).status_code)

        tasks.start_soon(ask)
        await anyio.to_thread.run_sync(issuer.faults.wait_for_held)
        assert answers == []
        issuer.faults.clear()
    assert answers == [200]


def test_waiting_for_held_requests_is_bounded(issuer: DevIssuer) -> None:
    with pytest.raises(TimeoutError):
        issuer.faults.wait_for_held(timeout_seconds=0.01)


def test_stopping_the_server_ends_its_delays_at_once(http: httpx.Client) -> None:
    issuer = DevIssuer(algorithm="ES256")
    issuer.start()
    issuer.faults.hang("jwks")
    with pytest.raises(httpx.ReadTimeout):
        http.get(issuer.jwks_url, timeout=0.05)
    started = time.monotonic()
    issuer.stop()
    assert time.monotonic() - started < 5


def test_requests_are_recorded_in_order_with_their_parameters(http: httpx.Client, issuer: DevIssuer) -> None:
    http.get(issuer.jwks_url, params={"a": "1"})
    http.post(f"{issuer.issuer_url}/token", data={"grant_type": "refresh_token"})
    http.post(f"{issuer.issuer_url}/register", json={"x": 1})
    assert [request.endpoint for request in issuer.requests.all()] == ["jwks", "token", "register"]
    assert issuer.requests.count("token", grant_type="refresh_token") == 1
    assert issuer.requests.count("token", grant_type="authorization_code") == 0
    assert issuer.requests.all("jwks")[0].query == {"a": ["1"]}
    assert issuer.requests.all("register")[0].body == '{"x":1}'
    assert issuer.requests.all("register")[0].form == {}
    issuer.requests.clear()
    assert issuer.requests.count() == 0


def test_preflights_and_unknown_paths_are_not_recorded(http: httpx.Client, issuer: DevIssuer) -> None:
    preflight = {"origin": "http://app.example", "access-control-request-method": "POST"}
    assert http.options(f"{issuer.issuer_url}/token", headers=preflight).status_code == 200
    assert http.get(f"{issuer.issuer_url}/nowhere").status_code == 404
    assert issuer.requests.count() == 0


def test_a_body_beyond_all_reason_is_cut_in_the_record(http: httpx.Client, issuer: DevIssuer) -> None:
    answer = http.post(f"{issuer.issuer_url}/token", content=b"a" * 3_000_000)
    assert answer.status_code == 400
    assert len(issuer.requests.all("token")[0].body) < 2_000_000
