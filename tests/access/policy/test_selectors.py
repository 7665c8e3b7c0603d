"""What each selector means."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit import Principal
from tests.access.callers import someone
from tests.access.policy.asking import ALICE, engine_of, is_allowed


def tenant(**claims: str) -> Principal:
    return someone("alice", **claims)


@pytest.mark.parametrize(
    ("agents", "met", "unmet"),
    [
        ({"user_id": "alice"}, [ALICE], [someone("Alice"), someone("alice2"), someone("bob")]),
        ({"user_id": ["bob", "al*"]}, [ALICE, someone("bob")], [someone("malice")]),
        (
            {"roles": ["admin", "user"]},
            [ALICE, someone(roles=["admin", "x"])],
            [someone(roles=["nonadmin"]), someone()],
        ),
        ({"roles": ["*"]}, [ALICE], [someone()]),
        ({"roles": ["admin"]}, [someone(roles=["admin"])], [someone(roles=["*"])]),
        ({"agent_id": ["bot-*"]}, [someone(agent_id="bot-1"), someone(client_id="bot-2")], [someone("bot-3")]),
        ({"agent_id": ["bot-*"]}, [], [someone(client_id="bot-2", agent_id="other")]),
        ({"agent_id": ["*"]}, [someone(client_id="app")], [someone()]),
        ({"patterns": ["svc_*"]}, [someone("svc_a"), someone(agent_id="svc_b")], [someone("a_svc_")]),
        ({"patterns": ["*_bot"]}, [someone("a_bot"), someone(client_id="b_bot")], [someone("bot")]),
        ({"issuers": ["https://issuer.example"]}, [ALICE], [Principal.bare("https://issuer.example/", "alice")]),
        ({"clients": ["app"]}, [someone(client_id="app")], [ALICE, someone(agent_id="app")]),
        ({"tenants": ["north"]}, [tenant(tenant="north"), tenant(tid="north")], [tenant(tenant="south", tid="north")]),
        ({"scopes": ["a", "b"]}, [someone(scopes=["a", "b", "c"])], [someone(scopes=["a"]), someone(scopes=["b"])]),
        ({"scopes": ["a"]}, [someone(scopes=["a"])], [someone(scopes=["ab"]), ALICE]),
        ({"user_id": "alice", "roles": ["user"]}, [ALICE], [someone("alice"), someone("bob", roles=["user"])]),
    ],
)
def test_agents_select_callers_by_what_was_verified(
    agents: dict[str, Any], met: list[Principal], unmet: list[Principal]
) -> None:
    engine = engine_of({"agents": agents})
    assert [one for one in met if not is_allowed(engine, user=one)] == []
    assert [one for one in [*unmet, None] if is_allowed(engine, user=one)] == []


@pytest.mark.parametrize(
    ("tools", "met", "unmet"),
    [
        ({"names": ["pay"]}, [{}], [{"name": "Pay"}, {"name": "pay2"}]),
        ({"names": ["p*"]}, [{"name": "p*"}], [{"name": "pay"}]),
        ({"patterns": ["get_*"]}, [{"name": "get_"}, {"name": "get_x"}], [{"name": "GET_x"}, {"name": "forget_x"}]),
        ({"patterns": ["*_x", "a?c"]}, [{"name": "_x"}, {"name": "abc"}], [{"name": "abbc"}, {"name": "x"}]),
        ({"patterns": ["get_[ab]*"]}, [{"name": "get_b1"}], [{"name": "get_c"}]),
        ({"patterns": ["*"]}, [{"name": ""}, {"name": "a\nb"}], []),
        ({"namespaces": ["crm"]}, [{"namespace": "crm"}], [{"namespace": ""}, {"name": "crm"}]),
        ({"tags": ["safe", "new"]}, [{"tags": ["new", "x"]}], [{"tags": []}, {"tags": ["safer"]}]),
        ({"names": ["pay"], "tags": ["safe"]}, [{"tags": ["safe"]}], [{}, {"name": "x", "tags": ["safe"]}]),
    ],
)
def test_tools_are_selected_by_name_pattern_namespace_and_tag(
    tools: dict[str, Any], met: list[dict[str, Any]], unmet: list[dict[str, Any]]
) -> None:
    engine = engine_of({"tools": tools})
    assert [one for one in met if not is_allowed(engine, **one)] == []
    assert [one for one in unmet if is_allowed(engine, **one)] == []


@pytest.mark.parametrize(
    ("resources", "met", "unmet"),
    [
        ({"uris": ["file:///a"]}, ["file:///a"], ["file:///a/", "file:///A"]),
        ({"patterns": ["file:///pub/*"]}, ["file:///pub/x/y"], ["file:///pub", "FILE:///pub/x"]),
        ({"schemes": ["admin"]}, ["admin://x", "ADMIN://x", "admin:x"], ["administrator://x", "x://admin", "x:admin:"]),
        ({"schemes": ["data"], "patterns": ["*/public"]}, ["data://a/public"], ["file:///public", "data://a"]),
    ],
)
@pytest.mark.parametrize("kind", ["resource", "template"])
def test_resources_and_templates_are_selected_by_their_address(
    resources: dict[str, Any], met: list[str], unmet: list[str], kind: str
) -> None:
    engine = engine_of({"resources": resources})
    assert [uri for uri in met if not is_allowed(engine, "x", "read", kind=kind, uri=uri)] == []
    assert [uri for uri in unmet if is_allowed(engine, "x", "read", kind=kind, uri=uri)] == []


def test_a_resource_is_not_selected_by_its_name() -> None:
    assert not is_allowed(
        engine_of({"resources": {"patterns": ["secret"]}}), "secret", kind="resource", uri="file:///x"
    )


def test_prompts_are_selected_by_name_pattern_and_tag() -> None:
    engine = engine_of({"prompts": {"patterns": ["ask_*"], "tags": ["safe"]}}, {"prompts": {"names": ["hello"]}})
    assert is_allowed(engine, "ask_x", "get", kind="prompt", tags=["safe"])
    assert not is_allowed(engine, "ask_x", "get", kind="prompt")
    assert is_allowed(engine, "hello", "get", kind="prompt")


def test_a_rule_may_be_about_tools_and_prompts_at_once() -> None:
    engine = engine_of({"tools": {"names": ["a"]}, "prompts": {"names": ["b"]}})
    asked = [(name, kind) for name in "ab" for kind in ("tool", "prompt", "resource")]
    assert [one for one in asked if is_allowed(engine, one[0], kind=one[1])] == [("a", "tool"), ("b", "prompt")]
