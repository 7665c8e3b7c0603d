"""The principal: a read-only mapping over claims that is identified by issuer and subject."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mcpauthkit import Principal, current_user, get_user
from mcpauthkit.errors import NotSignedIn
from mcpauthkit.principal import identity_digest, identity_digest_of

CLAIMS = {"iss": "https://i.example", "sub": "alice", "email": "alice@example.com", "scope": "raw", "groups": ["a"]}


def principal(**changes: Any) -> Principal:
    values: dict[str, Any] = {
        "claims": dict(CLAIMS),
        "issuer": "https://i.example",
        "subject": "alice",
        "expires_at": 10.0,
        **changes,
    }
    return Principal(values.pop("claims"), **values)


def test_claims_are_read_like_a_mapping() -> None:
    user = principal()
    assert user["email"] == user.get("email") == "alice@example.com"
    assert user.get("absent") is None
    assert user.get("absent", 1) == 1
    assert dict(user) == CLAIMS
    assert len(user) == len(CLAIMS)
    assert "email" in user
    assert json.loads(json.dumps(dict(user))) == CLAIMS
    with pytest.raises(KeyError):
        user["absent"]


def test_claims_are_read_as_attributes_and_absent_ones_are_none() -> None:
    user = principal()
    assert user.email == "alice@example.com"
    assert user.absent is None
    assert not hasattr(user, "__absent__")


def test_typed_fields_win_over_claims_of_the_same_name() -> None:
    user = principal(claims={**CLAIMS, "roles": "raw", "client_id": "raw"}, roles=frozenset({"r"}), client_id="typed")
    assert user.roles == {"r"}
    assert user["roles"] == "raw"
    assert user.client_id == "typed"


def test_fields_that_are_not_known_have_safe_defaults() -> None:
    user = principal()
    assert (user.client_id, user.issued_at, user.ip_address, user.user_agent) == (None, None, None, None)
    assert (user.scopes, user.roles, user.audience, user.extra) == (frozenset(), frozenset(), (), {})


@pytest.mark.parametrize("name", ["subject", "issuer", "scopes", "claims", "anything"])
def test_nothing_can_be_set_or_removed(name: str) -> None:
    user = principal()
    with pytest.raises(AttributeError):
        setattr(user, name, "x")
    with pytest.raises(AttributeError):
        delattr(user, name)
    with pytest.raises(TypeError):
        user.claims["sub"] = "x"  # type: ignore[index]


def test_roles_and_scopes_are_asked_for_by_name() -> None:
    user = principal(
        claims={**CLAIMS, "has_role": "a claim"}, roles=frozenset({"reader", "editor"}), scopes=frozenset({"read"})
    )
    assert (user.has_role("reader"), user.has_role("admin")) == (True, False)
    assert (user.has_any_role("admin", "editor"), user.has_any_role("admin", "owner")) == (True, False)
    assert (user.has_all_roles("reader", "editor"), user.has_all_roles("reader", "admin")) == (True, False)
    assert (user.has_scope("read"), user.has_scope("write")) == (True, False)
    assert (user.has_any_scope("write", "read"), user.has_any_scope("write", "delete")) == (True, False)


def test_asking_for_no_role_at_all_is_a_mistake_and_not_a_yes() -> None:
    with pytest.raises(TypeError):
        principal().has_all_roles()  # type: ignore[call-arg]


def test_a_principal_is_identified_by_issuer_and_subject() -> None:
    # L8: the same sub at two issuers was one user.
    user, other = principal(), principal(issuer="https://other.example")
    assert user.key == ("https://i.example", "alice")
    assert user != other
    assert user.digest != other.digest
    assert len({user, principal(), other}) == 2
    assert user == principal()
    assert user != principal(claims={**CLAIMS, "email": "x"})
    assert user != CLAIMS


def test_a_principal_keeps_its_digest_and_takes_none_from_claims() -> None:
    user = principal(claims={**CLAIMS, "_digest": "forged"})
    assert identity_digest_of(user.on_request("192.0.2.1", None)) == identity_digest("https://i.example", "alice")
    assert identity_digest_of(user) == identity_digest_of(principal())
    assert identity_digest_of(principal(subject="bob")) == identity_digest("https://i.example", "bob")


def test_a_digest_cannot_be_confused_by_moving_text() -> None:
    assert identity_digest("ab", "c") != identity_digest("a", "bc")
    assert principal().digest == identity_digest("https://i.example", "alice")[:12]


def test_printing_a_principal_tells_nothing_about_the_person() -> None:
    text = f"{principal()!r} {principal()}"
    assert "alice" not in text
    assert "https://i.example" in text


def test_the_request_adds_where_it_came_from_and_copies_the_rest() -> None:
    user = principal(
        scopes=frozenset({"s"}), roles=frozenset({"r"}), audience=("a",), issued_at=1.0, client_id="c", extra={"k": 1}
    )
    seen = user.on_request("192.0.2.1", "agent/1")
    assert (seen.ip_address, seen.user_agent) == ("192.0.2.1", "agent/1")
    assert seen == user
    for name in ("scopes", "roles", "audience", "issued_at", "expires_at", "client_id", "extra", "issuer", "subject"):
        assert getattr(seen, name) == getattr(user, name)
    seen.extra["k"] = 2
    assert user.extra == {"k": 1}


def test_a_copy_of_a_principal_is_the_principal() -> None:
    one = principal()
    assert copy.copy(one) is copy.deepcopy(one) is one


def test_probing_a_principal_for_protocols_finds_none() -> None:
    assert not hasattr(principal(), "__json__")


def test_without_a_request_there_is_no_user() -> None:
    with pytest.raises(NotSignedIn) as caught:
        get_user()
    assert caught.value.hint
    token = current_user.set(principal())
    assert get_user().subject == "alice"
    current_user.reset(token)
