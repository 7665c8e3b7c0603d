"""Where the check of a key goes when its user has a say in that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.form import Checked
from mcpauthkit.connections.key_check import KeyCheck
from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.errors import ConfigurationError, CredentialsRejected
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse

GITLAB = KEY_SERVICES["gitlab"]
GOOD = b'{"active": true, "user_id": 3, "name": "for tools", "scopes": ["api"], "expires_at": null}'


class Recorder:
    """A fetch port that keeps what it is asked, and always gives the same answer."""

    def __init__(self, body: bytes = GOOD) -> None:
        self.sent: list[HttpRequest] = []
        self._body = body

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        return HttpResponse(200, {"content-type": "application/json"}, self._body)

    async def aclose(self) -> None:
        """Nothing is open."""


async def tried(base_url: str, *, allowed: tuple[str, ...] = (), service: KeyService = GITLAB) -> list[str]:
    """Where the key went."""
    fetch = Recorder()
    await KeyCheck(service, fetch, allowed_hosts=allowed)({"base_url": base_url, "token": "the-key"})
    return [one.url for one in fetch.sent]


async def refused(base_url: str, *, allowed: tuple[str, ...] = ()) -> CredentialsRejected:
    fetch = Recorder()
    with pytest.raises(CredentialsRejected) as caught:
        await KeyCheck(GITLAB, fetch, allowed_hosts=allowed)({"base_url": base_url, "token": "the-key"})
    assert fetch.sent == []
    return caught.value


@pytest.mark.parametrize(
    "base_url",
    [
        "https://gitlab.example.com",
        "https://gitlab.example.com/",
        "https://GitLab.Example.com",
        "https://gitlab.example.com:443",
        "https://tools.example.com/gitlab",
        "https://xn--bcher-kva.example",
    ],
)
async def test_public_names_are_asked(base_url: str) -> None:
    assert await tried(base_url) == [f"{base_url.rstrip('/')}/api/v4/personal_access_tokens/self"]


@pytest.mark.parametrize(
    "base_url",
    [
        "http://gitlab.example.com",
        "http://127.0.0.1",
        "http://localhost:8080",
        "https://localhost",
        "https://gitlab.localhost",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://0.0.0.0",
        "https://10.0.0.5",
        "https://172.16.0.1",
        "https://192.168.1.1",
        "https://169.254.169.254",
        "https://100.64.0.1",
        "https://8.8.8.8",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[fe80::1]",
        "https://[fd00:ec2::254]",
        "https://metadata.google.internal",
        "https://printer.local",
        "https://router.lan",
        "https://jira.corp",
        "https://jira",
        "https://jira.",
        "https://localhost.",
        "https://gitlab.example.com.internal.",
        "https://1.0.0.127.in-addr.arpa",
        "https://user@gitlab.example.com",
        "https://user:pw@gitlab.example.com",
        "https://gitlab.example.com@127.0.0.1",
        "https://gitlab.example.com\\@127.0.0.1",
        "https://gitlab.example.com#@127.0.0.1",
        "https://gitlab.example.com?x=https://127.0.0.1",
        "https://gitlab.example.com:99999",
        "https://gitlab.example.com:8443",
        "https://gitlab.example.com:22",
        "https://gitlab.example.com:0",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://\u24dbocalhost",
        "https://gitlab%2eexample.com",
        "https://.example.com",
        "https://gitlab..example.com",
        "https://",
        "//gitlab.example.com",
        "ftp://gitlab.example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gitlab.example.com",
        "",
    ],
)
async def test_a_key_is_sent_to_no_address_that_leads_inside_or_nowhere(base_url: str) -> None:
    error = await refused(base_url)
    assert error.field == "base_url"
    told = f"{error.public}{error.hint}{error.reason}{error.__cause__}"
    assert base_url in {"", "https://"} or base_url not in told


async def test_where_hosts_are_listed_no_other_is_asked() -> None:
    allowed = ("gitlab.example.com", "git.internal")
    assert len(await tried("https://gitlab.example.com", allowed=allowed)) == 1
    assert len(await tried("https://git.internal", allowed=allowed)) == 1
    assert (await refused("https://gitlab.example.org", allowed=allowed)).field == "base_url"
    assert (await refused("https://gitlab.example.com.attacker.example", allowed=allowed)).field == "base_url"


async def test_a_port_is_asked_where_the_developer_named_it_and_on_this_machine() -> None:
    allowed = ("git.internal:8443", "Git.Example.com", "127.0.0.1", "[::1]", "[fd00::7]:8443")
    for base_url in (
        "https://git.internal:8443",
        "https://git.example.com",
        "https://git.example.com:443",
        "http://127.0.0.1:5001",
        "http://[::1]:5001",
        "https://[fd00::7]:8443",
    ):
        assert len(await tried(base_url, allowed=allowed)) == 1
    for base_url in (
        "https://git.internal",
        "https://git.internal:9443",
        "https://git.example.com:8443",
        "https://[fd00::7]",
    ):
        assert (await refused(base_url, allowed=allowed)).field == "base_url"


@pytest.mark.parametrize("entry", ["https://git.internal", "git.internal/x", "git.internal:x", "a b", "", "fd00::7"])
def test_a_host_that_can_never_match_is_no_host_to_list(entry: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        KeyCheck(GITLAB, Recorder(), allowed_hosts=(entry,))
    assert "git.example.com" in refusal.value.hint


def test_hosts_are_listed_and_not_spelled() -> None:
    with pytest.raises(ConfigurationError):
        KeyCheck(GITLAB, Recorder(), allowed_hosts="git.internal")  # type: ignore[arg-type]  # as in a typo


async def test_a_listed_host_is_asked_by_https_all_the_same() -> None:
    assert (await refused("http://git.internal", allowed=("git.internal",))).field == "base_url"


async def test_the_address_that_the_developer_fixed_may_be_anywhere() -> None:
    fetch = Recorder()
    await KeyCheck(GITLAB.fixing(base_url="http://127.0.0.1:8080"), fetch)({"token": "the-key"})
    assert [one.url for one in fetch.sent] == ["http://127.0.0.1:8080/api/v4/personal_access_tokens/self"]


async def test_a_typed_address_does_not_replace_the_fixed_one() -> None:
    fetch = Recorder()
    fixed = GITLAB.fixing(base_url="https://gitlab.example.com")
    await KeyCheck(fixed, fetch)({"token": "the-key", "base_url": "https://attacker.example"})
    assert [one.url for one in fetch.sent] == ["https://gitlab.example.com/api/v4/personal_access_tokens/self"]


PARTS_OF_HOSTS = [
    ("jira-cloud", "site", {"email": "a@b.example"}),
    ("zendesk", "subdomain", {"email": "a@b.example"}),
    ("shopify", "shop", {}),
    ("azure-devops", "organization", {}),
    ("datadog", "site", {"api_key": "k", "application_key": "k"}),
    ("pagerduty", "host", {}),
    ("sendgrid", "host", {}),
    ("twilio", "account_sid", {}),
]


@pytest.mark.parametrize(("name", "part", "others"), PARTS_OF_HOSTS, ids=[row[0] for row in PARTS_OF_HOSTS])
@pytest.mark.parametrize(
    "typed",
    ["attacker.example/", "attacker.example#", "attacker.example?", "a/../b", "a@b", "a:1", "..", "a.b", "-a", "a b"],
)
async def test_a_part_of_an_address_ends_no_host_and_climbs_no_path(
    name: str, part: str, others: dict[str, str], typed: str
) -> None:
    fetch = Recorder()
    with pytest.raises(CredentialsRejected) as caught:
        await KeyCheck(KEY_SERVICES[name], fetch)({"token": "the-key", **others, part: typed})
    assert caught.value.field == part
    assert fetch.sent == []


@given(st.text(max_size=60))
async def test_whatever_is_typed_a_key_goes_to_the_host_that_was_typed_or_nowhere(text: str) -> None:
    fetch = Recorder()
    try:
        await KeyCheck(GITLAB, fetch)({"base_url": f"https://{text}", "token": "the-key"})
    except CredentialsRejected:
        assert fetch.sent == []
    else:
        host = fetch.sent[0].url.removeprefix("https://").partition("/")[0].partition(":")[0]
        assert host.isascii()
        assert "." in host
        assert f"https://{text}".startswith(f"https://{host}")


@pytest.mark.parametrize(
    ("expires_at", "ends"),
    [
        ('"2026-09-15"', 1_789_430_400.0),
        ('"2026-09-15T12:00:00.000Z"', 1_789_473_600.0),
        ('"9999-99-99"', None),
        ('"soon"', None),
        ("17", None),
        ("null", None),
        ('"0001-01-01T00:00:00+23:59"', -62_135_683_140.0),
        ('"9999-12-31T23:59:59-23:59"', 253_402_387_139.0),
    ],
)
async def test_the_end_of_a_key_is_told_when_it_can_be_read(expires_at: str, ends: float | None) -> None:
    body = GOOD.replace(b"null", expires_at.encode())
    values = {"base_url": "https://gitlab.example.com", "token": "the-key"}
    checked = await KeyCheck(GITLAB, Recorder(body))(values)
    assert isinstance(checked, Checked)
    assert checked.expires_at == ends
