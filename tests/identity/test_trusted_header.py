"""Headers of a trusted proxy."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit import Principal
from mcpauthkit.errors import ConfigurationError, InvalidRequest, InvalidToken
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from tests.contracts.verifier import VerifierContract
from tests.identity.credentials import ENCRYPTED, SIGNED, UNREADABLE, WITH_KEY

MAPPING = {"x-user-id": "sub", "X-User-Roles": "roles", "x-user-scopes": "scopes", "x-user-email": "email"}
PEERS = ["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"]
ALICE = (b"x-user-id", b"alice")


def verifier(**options: Any) -> TrustedHeaderVerifier:
    return TrustedHeaderVerifier(options.pop("headers", MAPPING), **{"peers": PEERS, **options})


def presented(*headers: tuple[bytes, bytes], peer: str | None = "10.1.2.3") -> Presented:
    return Presented(headers=headers, peer=peer)


async def caller(*headers: tuple[bytes, bytes], **options: Any) -> Principal:
    judge = verifier(**options)
    text = judge.find(presented(*headers))
    assert text is not None
    return (await judge.verify(text)).principal


class TestTrustedHeaderVerifier(VerifierContract):
    issuer = "trusted-headers"

    def make(self) -> TrustedHeaderVerifier:
        # One object, as in an application: what one of them read is no good for another.
        self._one = getattr(self, "_one", None) or verifier(clock=self.clock)
        return self._one

    def present(self, subject: str = "alice") -> Presented:
        return presented((b"x-user-id", subject.encode()), (b"x-user-roles", b"admin"))

    def strangers(self) -> list[Presented]:
        from_elsewhere = [presented(ALICE, peer=peer) for peer in ("192.0.2.1", None, "", "unix:", "example.com")]
        return [SIGNED, ENCRYPTED, UNREADABLE, WITH_KEY, presented((b"x-user-roles", b"admin")), *from_elsewhere]

    def secrets(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("::ffff:10.1.2.3", True),
        ("::FFFF:7f00:1", True),
        ("2001:db8::5", True),
        ("11.0.0.1", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("::10.1.2.3", False),
        ("::ffff:11.0.0.1", False),
        ("10.1.2.3:4711", False),
        ("10.1.2.3, 192.0.2.1", False),
        ("010.1.2.3", False),
        ("localhost", False),
        ("/run/mcp.sock", False),
        ("", False),
        (None, False),
    ],
)
def test_only_listed_peers_are_believed(peer: str | None, *, believed: bool) -> None:
    # A4: anybody was an administrator by header.
    assert (verifier().find(presented(ALICE, peer=peer)) is not None) is believed


async def test_headers_become_claims() -> None:
    principal = await caller(
        ALICE,
        (b"x-user-roles", b"admin, site admin ,,writer"),
        (b"x-user-scopes", b"a b,c"),
        (b"x-user-email", b"alice@example.com"),
        (b"x-other", b"ignored"),
    )
    assert principal.key == ("trusted-headers", "alice")
    assert principal.roles == {"admin", "site admin", "writer"}
    assert principal.scopes == {"a", "b", "c"}
    assert principal.email == "alice@example.com"
    assert principal.other is None
    assert principal.expires_at is None


async def test_the_names_of_the_predecessor_are_understood() -> None:
    principal = await caller(ALICE, headers={"x-user-id": "user_id", "x-user-roles": "roles"}, issuer="proxy")
    assert principal.key == ("proxy", "alice")
    assert principal.roles == frozenset()


async def test_text_of_other_languages_is_read_as_utf_8() -> None:
    assert (await caller((b"x-user-id", "Zoë".encode()))).subject == "Zoë"
    with pytest.raises(InvalidRequest):
        verifier().find(presented((b"x-user-id", "Zoë".encode("latin-1"))))


@pytest.mark.parametrize("value", [b"a\x00b", b"a\x1fb", "a\u202eb".encode(), b"x" * 256, "\u2028".encode()])
async def test_a_subject_that_is_no_name_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken):
        await caller((b"x-user-id", value))


def test_an_empty_subject_is_nobody() -> None:
    assert verifier().find(presented((b"x-user-id", b" "), (b"x-user-roles", b"admin"))) is None


@pytest.mark.parametrize("header", [b"x-user-id", b"x-user-roles"])
def test_a_header_that_comes_twice_is_refused(header: bytes) -> None:
    # A proxy that adds its header beside the client's.
    with pytest.raises(InvalidRequest):
        verifier().find(presented(ALICE, (header, b"ceo"), (header, b"bob")))


async def test_a_verdict_is_not_remembered() -> None:
    judge = verifier()
    text = judge.find(presented(ALICE))
    assert text is not None
    verified = await judge.verify(text)
    assert verified.remember_seconds == 0
    assert verified.made_for_us


async def test_only_what_it_read_itself_is_believed() -> None:
    text = verifier().find(presented(ALICE))
    assert text is not None
    for forged in (text, '.{"sub": "alice"}', '{"sub": "alice"}', text.partition(".")[2]):
        with pytest.raises(InvalidToken):
            await verifier().verify(forged)


def test_each_stranger_with_such_headers_is_told_once_and_not_without_end(caplog: pytest.LogCaptureFixture) -> None:
    judge = verifier()
    for _ in range(3):
        judge.find(presented(ALICE, peer="192.0.2.1"))
        judge.find(presented(ALICE, peer=None))
    assert [one.levelname for one in caplog.records] == ["WARNING", "WARNING"]
    assert "192.0.2.1" in caplog.text
    assert "alice" not in caplog.text
    for number in range(500):
        judge.find(presented(ALICE, peer=f"192.0.2.{number % 250}" if number < 250 else f"198.51.100.{number - 250}"))
    assert len(caplog.records) == 64
    caplog.clear()
    judge.find(presented(peer="203.0.113.9"))
    assert not caplog.records


@pytest.mark.parametrize(
    "peers",
    [
        [],
        "10.0.0.1",
        ["0.0.0.0/0"],
        ["::/0"],
        ["10.0.0.0/8", "::/0"],
        ["10.1.2.3/24"],
        ["localhost"],
        ["*"],
        [""],
        [5],
        None,
    ],
    ids=str,
)
def test_a_list_of_peers_that_means_nobody_or_everybody_is_refused(peers: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        TrustedHeaderVerifier(MAPPING, peers=peers)
    assert refused.value.hint


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-user-roles": "roles"},
        {"x-user-id": "sub", "x-issuer": "iss"},
        {"x-user-id": "sub", "x-aud": "aud"},
        {"x-user-id": "sub", "x-exp": "exp"},
        {"x-user-id": "sub", "x-agent": "user_id"},
        {"x-user-id": ""},
        {"x-user-id": 5},
        {"authorization": "sub"},
        {"x user": "sub"},
    ],
    ids=str,
)
def test_headers_that_cannot_say_who_it_is_are_refused(headers: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        TrustedHeaderVerifier(headers, peers=PEERS)
    assert refused.value.hint
