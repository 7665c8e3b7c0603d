"""However an address is spelled, it is judged as what a server may take it for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.access.policy.asking import engine_of, is_allowed, request_for

DENIED = "files://private/key"
ALL_BUT_ONE = engine_of({"agents": {"anyone": True}}, {"effect": "deny", "resources": {"uris": [DENIED]}})
ALL_BUT_A_FOLDER = engine_of(
    {"agents": {"anyone": True}}, {"effect": "deny", "resources": {"patterns": ["files://private/*"]}}
)


def reads(uri: str) -> dict[str, Any]:
    return {"action": "read", "kind": "resource", "uri": uri}


SPELLINGS = (
    "files://%70rivate/key",
    "files://private%2Fkey",
    "files://private%252fkey",
    "files://x/../private/key",
    "files://x/%2e%2e/private/key",
    "files://Private/key",
    "FILES://private/key",
    "files://private//key",
    "files://private\\key",
    "files://private%5Ckey",
    "files://private/./key",
    "files://private/key?x=1",
    "files://private/key#f",
    "files://private/key?x#f",
    "files://private/key/",
    "files://pri\tvate/key",
    " files://private/key",
    "files://\uff50rivate/key",
    "files://" + "x/" * 9 + "../" * 9 + "private/key",
)


@pytest.mark.parametrize("uri", SPELLINGS)
def test_a_denied_address_is_denied_however_it_is_spelled(uri: str) -> None:
    assert not is_allowed(ALL_BUT_ONE, **reads(uri))
    assert not is_allowed(ALL_BUT_A_FOLDER, **reads(uri))
    assert is_allowed(ALL_BUT_ONE, **reads("files://public/key"))


@st.composite
def spellings(draw: st.DrawFn) -> str:
    random = draw(st.randoms(use_true_random=False))
    scheme, path = DENIED.split("://")
    scheme = "".join(random.choice([one, one.upper()]) for one in scheme)
    host, *segments = path.split("/")
    host = "".join(random.choice([one, one.upper()]) for one in host)
    parts = [host, *segments]
    for _ in range(random.randint(0, 3)):
        at = random.randint(0, len(parts))
        parts[at:at] = random.choice([["."], ["x", ".."], ["", ""], ["X", "y", "..", ".."]]) if at else ["x", ".."]
    spelled = random.choice(["/", "//", "\\", "/./"]).join(parts)
    for _ in range(random.randint(0, 3)):
        spelled = "".join(f"%{ord(one):02{random.choice('xX')}}" if random.random() < 0.3 else one for one in spelled)
    return f"{scheme}://{spelled}{random.choice(['', '/', '?', '?a=b/../..', '#f', '?a#f', '#a?f'])}"


@given(spellings())
@example(DENIED)
def test_no_spelling_of_a_denied_address_is_allowed(uri: str) -> None:
    assert not is_allowed(ALL_BUT_ONE, **reads(uri))
    assert not is_allowed(ALL_BUT_A_FOLDER, **reads(uri))


@given(st.text(), st.sampled_from(["", "files:", "files://", "files://private/"]))
def test_any_text_can_be_judged(text: str, beginning: str) -> None:
    is_allowed(ALL_BUT_A_FOLDER, **reads(beginning + text))


@pytest.mark.parametrize(
    ("selector", "uri"),
    [
        ({"uris": ["docs://Static"]}, "docs://static"),
        ({"uris": ["docs://a%20b"]}, "docs://a b"),
        ({"patterns": ["docs://a%20b/*"]}, "docs://a b/c"),
        ({"patterns": ["Docs://Secret*"]}, "docs://secrets"),
        ({"patterns": ["docs://a%2A"]}, "docs://a*"),
    ],
)
def test_a_rule_that_spells_an_address_unusually_is_about_the_usual_one_too(
    selector: dict[str, list[str]], uri: str
) -> None:
    engine = engine_of({"agents": {"anyone": True}}, {"effect": "deny", "resources": selector})
    assert not is_allowed(engine, **reads(uri))
    assert is_allowed(engine, **reads("docs://ab"))


@pytest.mark.parametrize(
    "uri", ["files://a/private.md", "files://private?.md", "files://private%3F.md", "files://x/../private#.md"]
)
def test_an_allow_has_to_cover_everything_an_address_may_be_taken_for(uri: str) -> None:
    engine = engine_of({"agents": {"anyone": True}, "resources": {"patterns": ["*.md"]}})
    assert is_allowed(engine, **reads(uri)) is (uri == "files://a/private.md")


@pytest.mark.parametrize(
    "uri", ["docs://README.md", "docs://a%20b", "docs://a b", "docs://\u00e9", "file:///a/B", "urn:a:b"]
)
def test_what_is_allowed_as_it_is_written_stays_so(uri: str) -> None:
    for selector in ({"uris": [uri]}, {"patterns": [f"{uri[:7]}*"]}):
        assert is_allowed(engine_of({"agents": {"anyone": True}, "resources": selector}), **reads(uri))


def test_an_explanation_is_about_the_form_that_decided() -> None:
    explained = ALL_BUT_ONE.explain(request_for(**reads("files://%70rivate/key")))
    assert not explained.decision.allowed
    assert [one.rule for one in explained.rules if one.decides] == ["rule 1"]


def test_an_address_that_is_encoded_again_and_again_is_refused() -> None:
    uri = "files://a"
    for _ in range(20):
        uri = uri.replace("%", "%25") if "%" in uri else uri.replace("a", "%61")
    assert not is_allowed(ALL_BUT_ONE, **reads(uri))
