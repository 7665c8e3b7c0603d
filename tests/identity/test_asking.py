"""What is asked about, and what happens when there is no answer."""

from __future__ import annotations

import pytest

from mcpauthkit.errors import InvalidToken, IssuerUnavailable
from tests.identity.credentials import OPAQUE, SIGNED
from tests.identity.test_opaque import CLAIMS, SECRET, Bench


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (503, b"<html>"),
        (429, {}),
        (401, {"error": "invalid_client"}),
        (403, {}),
        (404, {}),
        (302, {}),
        (400, {"error": "invalid_request"}),
        (204, b""),
        (200, b"not json"),
        (200, []),
        (200, {}),
        (200, {"active": "true", "sub": "alice"}),
        (200, {"active": 1, "sub": "alice"}),
        (200, {"active": None}),
        (200, b'{"active": false, "active": true, "sub": "alice"}'),
        (200, b'{"active": true, "exp": NaN}'),
        (200, {"active": True, "x": "y" * 300_000}),
    ],
    ids=str,
)
async def test_an_answer_that_is_none_is_never_a_reason_to_sign_in_again(answer: tuple[int, object]) -> None:
    bench = Bench()
    bench.oracle.answer = answer
    with pytest.raises(IssuerUnavailable) as refused:
        await bench.verify()
    assert refused.value.retry_after_seconds == 5
    assert refused.value.status_hint == 503


async def test_an_outage_is_not_made_worse_and_ends() -> None:
    bench = Bench()
    bench.oracle.down = True
    for _ in range(100):
        with pytest.raises(IssuerUnavailable):
            await bench.verify()
    assert len(bench.oracle.asked) == 1
    bench.oracle.down = False
    bench.clock.advance(5)
    assert (await bench.verify()).principal.subject == "alice"


@pytest.mark.parametrize("answer", [(500, {}), (503, b""), (429, {}), (408, {}), (401, {"error": "invalid_client"})])
async def test_an_answer_about_the_endpoint_gives_it_a_rest(answer: tuple[int, object]) -> None:
    bench = Bench()
    bench.oracle.odd["strange"] = answer
    for token in ("strange", OPAQUE):
        with pytest.raises(IssuerUnavailable):
            await bench.verify(token)
    assert len(bench.oracle.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 413, 414, 431, 302])
async def test_an_odd_token_of_a_stranger_is_nobody_elses_trouble(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    # A firewall in front of the endpoint answers 403 to what looks like an attack; servers bound what they read.
    bench = Bench()
    strange = [f"strange-{number}" for number in range(50)]
    bench.oracle.odd = dict.fromkeys(strange, (status, b"<html>"))
    for token in strange * 2:
        with pytest.raises(IssuerUnavailable) as refused:
            await bench.verify(token)
        assert refused.value.retry_after_seconds == 5
        assert refused.value.hint
        assert (await bench.verify()).principal.subject == "alice"
    # Each is asked about once for a while, and they do not fill the log.
    assert len([one for one in bench.oracle.asked if "strange" in (one.form or {})["token"]]) == 50
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    bench.clock.advance(5)
    bench.oracle.odd = {}
    with pytest.raises(InvalidToken):
        await bench.verify("strange-0")


async def test_only_so_many_odd_tokens_are_remembered() -> None:
    bench = Bench()
    bench.oracle.answer = (413, b"")
    for number in range(10_001):
        with pytest.raises(IssuerUnavailable):
            await bench.verify(f"strange-{number}")
    for number, asked in ((10_000, 10_001), (0, 10_002)):
        with pytest.raises(IssuerUnavailable):
            await bench.verify(f"strange-{number}")
        assert len(bench.oracle.asked) == asked


@pytest.mark.parametrize(
    "token",
    ["x" * 4097, "<script>", "a'or'1", "a%00", "a;b", "a,b", "=", "a=b", "{}", "a:b"],
    ids=lambda text: text[:9],
)
async def test_what_no_opaque_token_looks_like_is_not_asked_about(token: str) -> None:
    bench = Bench()
    with pytest.raises(InvalidToken):
        await bench.verify(token)
    assert bench.oracle.asked == []


async def test_everything_a_bearer_token_may_hold_is_asked_about() -> None:
    # RFC 6750 section 2.1.
    bench = Bench()
    for token in ("aZ09-._~+/==", "x" * 4096):
        bench.oracle.known[token] = CLAIMS
        assert (await bench.verify(token)).principal.subject == "alice"


async def test_a_jwt_that_is_asked_about_may_be_longer() -> None:
    bench = Bench(takes_jwt=True)
    token = f"{str(SIGNED.bearer)[:-6]}{'x' * 5000}"
    bench.oracle.known[token] = CLAIMS
    assert (await bench.verify(token)).principal.subject == "alice"


async def test_credentials_of_ours_that_are_refused_are_told_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.oracle.answer = (401, {"error": "invalid_client"})
    with pytest.raises(IssuerUnavailable) as refused:
        await bench.verify()
    assert "client_secret" in refused.value.hint
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "client_secret" in caplog.text
    assert SECRET not in caplog.text
