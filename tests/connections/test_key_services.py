"""Every service with keys against the recorded answers to its check."""

from __future__ import annotations

import base64
import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from mcpauthkit.connections.credential import Account
from mcpauthkit.connections.form import Checked, Field, Form
from mcpauthkit.connections.key_check import KeyCheck
from mcpauthkit.connections.key_service import Detour
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.errors import ConfigurationError, CredentialsRejected, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from tests.connections.recorded import answered, body_of, load

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = load("keys")
PARTS = {"service", "source", "values", "request", "further", "good", "bad", "narrow", "undecided"}
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ALWAYS_UNDECIDED = [408, 429, 500, 502, 503, 504]

every_service = pytest.mark.parametrize("name", sorted(VECTORS))


def cases(kind: str) -> pytest.MarkDecorator:
    every = [(name, index) for name, vector in VECTORS.items() for index in range(len(vector[kind]))]
    return pytest.mark.parametrize(("name", "index"), every, ids=[f"{name}-{index}" for name, index in every])


@contextmanager
def service(answers: list[dict[str, Any]]) -> Iterator[list[httpx.Request]]:
    """A service that gives its answers in order, and the requests it gets."""
    sent: list[httpx.Request] = []
    with respx.mock(assert_all_called=False) as router:

        def take(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return answered(answers[len(sent) - 1])

        router.route().mock(side_effect=take)
        yield sent


async def check(name: str, **changes: str) -> Checked:
    fetch = HttpFetch(httpx.AsyncClient(verify=NO_CERTIFICATES))
    return await KeyCheck(KEY_SERVICES[name], fetch)({**VECTORS[name]["values"], **changes})


def test_every_service_has_recorded_answers_with_all_parts() -> None:
    assert VECTORS.keys() == KEY_SERVICES.keys()
    assert {name: PARTS ^ vector.keys() for name, vector in VECTORS.items() if PARTS ^ vector.keys()} == {}
    assert [name for name, vector in VECTORS.items() if not (vector["good"] and vector["bad"])] == []
    assert [name for name, vector in VECTORS.items() if "not captured" not in vector["source"]] == []


@every_service
def test_narrow_answers_are_recorded_where_the_row_knows_any(name: str) -> None:
    is_known = any(one.meaning == "narrow" for one in KEY_SERVICES[name].refusals)
    assert bool(VECTORS[name]["narrow"]) is is_known


@every_service
def test_what_a_service_asks_makes_a_form_that_takes_its_values(name: str) -> None:
    row, values = KEY_SERVICES[name], VECTORS[name]["values"]
    assert {one.name for one in row.fields} == values.keys()
    assert Form(row.fields).check(values).problems == {}
    assert row.key_field in values
    assert not row.address_field or row.address_field in values


@every_service
def test_keys_are_secret_fields(name: str) -> None:
    fields = {one.name: one for one in KEY_SERVICES[name].fields}
    assert fields[KEY_SERVICES[name].key_field].secret


@every_service
def test_a_service_says_how_its_key_is_made(name: str) -> None:
    assert KEY_SERVICES[name].guide.startswith("1. ")
    settings_url = KEY_SERVICES[name].settings_url
    assert not settings_url or (settings_url.startswith("https://") and "{" not in settings_url)


@every_service
def test_the_address_of_a_check_is_https(name: str) -> None:
    assert KEY_SERVICES[name].check_url.startswith(("https://", "{base_url}/"))


@every_service
async def test_a_key_is_tried_in_the_way_of_the_service(name: str) -> None:
    wanted = VECTORS[name]["request"]
    with service(VECTORS[name]["good"][0]["answers"]) as sent:
        await check(name)
    assert (sent[0].method, str(sent[0].url)) == (wanted["method"], wanted["url"])
    assert wanted["headers"].items() <= dict(sent[0].headers).items()
    assert body_of(sent[0])[1] == (wanted["json"] or {})


@every_service
async def test_a_key_goes_nowhere_but_into_header_fields(name: str) -> None:
    row, values = KEY_SERVICES[name], VECTORS[name]["values"]
    secrets = [values[one.name] for one in row.fields if one.secret]
    with service(VECTORS[name]["good"][0]["answers"]) as sent:
        await check(name)
    assert [one for one in secrets if one in str(sent[0].url) or one in sent[0].content.decode()] == []


@every_service
def test_tools_send_a_key_as_the_check_does(name: str) -> None:
    sent = KEY_SERVICES[name].headers_for(VECTORS[name]["values"])
    assert {one.lower(): value for one, value in sent.items()} == VECTORS[name]["request"]["headers"]


@cases("good")
async def test_a_good_key_is_taken_with_what_the_service_says_about_it(name: str, index: int) -> None:
    wanted = VECTORS[name]["good"][index]
    with service(wanted["answers"]) as sent:
        checked = await check(name)
    assert [str(one.url) for one in sent[1:]] == VECTORS[name]["further"][: len(sent) - 1]
    assert checked.account == (Account(*wanted["account"]) if wanted["account"] else None)
    assert sorted(checked.scopes) == wanted["scopes"]
    ends = wanted["expires_at"]
    assert checked.expires_at == (datetime.fromisoformat(ends).timestamp() if ends else None)


@cases("bad")
async def test_a_bad_key_is_refused_beside_the_field_to_blame(name: str, index: int) -> None:
    wanted = VECTORS[name]["bad"][index]
    with service(wanted["answers"]) as sent, pytest.raises(CredentialsRejected) as caught:
        await check(name)
    assert caught.value.field == wanted["field"]
    assert len(sent) == len(wanted["answers"])


@cases("narrow")
async def test_a_key_that_may_do_little_is_taken_all_the_same(name: str, index: int) -> None:
    wanted = VECTORS[name]["narrow"][index]
    with service(wanted["answers"]):
        checked = await check(name)
    # Where it was taken is where it is used.
    account = Account(tenant=wanted["tenant"]) if "tenant" in wanted else None
    assert checked == Checked(account=account, scopes=frozenset(wanted["scopes"]))


@cases("undecided")
async def test_an_answer_that_decides_nothing_neither_refuses_nor_takes_a_key(name: str, index: int) -> None:
    with service(VECTORS[name]["undecided"][index]["answers"]), pytest.raises(RemoteUnavailable):
        await check(name)


@every_service
async def test_a_service_in_trouble_decides_nothing(name: str) -> None:
    for status in ALWAYS_UNDECIDED:
        with service([{"status": status, "body": {"message": "later"}}]), pytest.raises(RemoteUnavailable):
            await check(name)


@every_service
async def test_a_service_that_cannot_be_reached_decides_nothing(name: str) -> None:
    for error in (httpx.ConnectError("no route"), httpx.ReadTimeout("slow")):
        with respx.mock() as router:
            router.route().mock(side_effect=error)
            with pytest.raises(RemoteUnavailable):
                await check(name)


@every_service
async def test_a_redirect_is_not_followed(name: str) -> None:
    elsewhere = {"status": 302, "headers": {"location": "https://attacker.example/"}, "body": ""}
    with service([elsewhere]) as sent, pytest.raises((CredentialsRejected, RemoteUnavailable)):
        await check(name)
    assert [str(one.url) for one in sent] == [VECTORS[name]["request"]["url"]]


@every_service
async def test_no_error_repeats_a_key(name: str) -> None:
    row, values = KEY_SERVICES[name], VECTORS[name]["values"]
    secrets = {values[one.name] for one in row.fields if one.secret}
    for answers in [*(one["answers"] for one in VECTORS[name]["bad"] + VECTORS[name]["undecided"])]:
        with service(answers), pytest.raises((CredentialsRejected, RemoteUnavailable)) as caught:
            await check(name)
        told = f"{caught.value.public} {caught.value.hint} {caught.value.reason} {caught.value.__cause__}"
        assert [one for one in secrets if one in told] == []


@every_service
async def test_a_key_that_could_split_a_header_is_not_sent(name: str) -> None:
    for typed in ("the\r\nkey", "the key", "thé-key", ""):
        with service([]) as sent, pytest.raises(CredentialsRejected) as caught:
            await check(name, **{KEY_SERVICES[name].key_field: typed})
        assert caught.value.field == KEY_SERVICES[name].key_field
        assert sent == []


def test_what_the_developer_fixes_is_asked_no_more() -> None:
    fixed = KEY_SERVICES["gitlab"].fixing(base_url="https://gitlab.example.com/")
    assert [one.name for one in fixed.fields] == ["token"]
    url = fixed.url_for(fixed.check_url, {"token": "the-key"})
    assert url == "https://gitlab.example.com/api/v4/personal_access_tokens/self"


def test_what_the_developer_fixed_is_not_to_be_typed() -> None:
    fixed = KEY_SERVICES["gitlab"].fixing(base_url="https://gitlab.example.com")
    typed = {"token": "the-key", "base_url": "https://attacker.example"}
    assert fixed.url_for("{base_url}/x", typed) == "https://gitlab.example.com/x"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gitlab", {"base_url": "http://gitlab.example.com"}),
        ("gitlab", {"host": "gitlab.example.com"}),
        ("jira-cloud", {"site": "acme.atlassian.net/x"}),
        ("datadog", {"site": "attacker.example"}),
    ],
)
def test_what_cannot_be_fixed_is_told_at_once(name: str, values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        KEY_SERVICES[name].fixing(**values)


def test_a_value_that_looks_like_a_template_is_a_value() -> None:
    sent = KEY_SERVICES["zendesk"].headers_for({"email": "{token}@example.com", "token": "the-key"})
    scheme, _, pair = sent["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"{token}@example.com/token:the-key")


def test_fields_are_values_of_forms() -> None:
    assert all(isinstance(one, Field) for row in KEY_SERVICES.values() for one in row.fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"check_url": "https://api.example.com/bot{token}/getMe"},
        {"check_url": "https://api.example.com/me?key={token}"},
        {
            "detour": Detour(
                lookup_url="https://example.com/{token}", path="id", variable="id", check_url="https://e.example"
            )
        },
        {
            "detour": Detour(
                lookup_url="https://example.com", path="id", variable="id", check_url="https://e.example/{token}"
            )
        },
    ],
    ids=["path", "query", "lookup", "detour"],
)
def test_a_secret_is_no_part_of_an_address(changes: dict[str, Any]) -> None:
    # Addresses stand in logs: ours, those of proxies, and the service's own.
    with pytest.raises(ConfigurationError) as refusal:
        replace(KEY_SERVICES["openai"], **changes)
    assert "token" in str(refusal.value)
    assert "sent=" in refusal.value.hint
