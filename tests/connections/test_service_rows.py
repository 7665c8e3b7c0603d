"""Finding services by name, and what people are told who look for one elsewhere or spell it otherwise."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mcpauthkit import CredentialsProvider, OAuthProvider
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.connections.variables import resolved
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.services import ServicePreset, key_service_named, preset_named

CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": "https://mcp.example"}


def hint_of(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        call()
    return refused.value.hint


def test_rows_are_had_by_their_names() -> None:
    assert preset_named("github") is PRESETS["github"]
    assert key_service_named("github") is KEY_SERVICES["github"]


@pytest.mark.parametrize("name", ["githup", "GitHub", "git_hub", "Github "])
def test_another_spelling_is_answered_with_the_name_that_was_meant(name: str) -> None:
    assert hint_of(lambda: preset_named(name)) == "Perhaps 'github' is meant."
    assert hint_of(lambda: key_service_named(name)) == "Perhaps 'github' is meant."


def test_words_that_are_like_no_name_are_answered_with_all_names() -> None:
    assert all(one in hint_of(lambda: preset_named("frobnicate")) for one in PRESETS)
    assert all(one in hint_of(lambda: key_service_named("frobnicate")) for one in KEY_SERVICES)


def test_a_service_of_the_other_kind_is_found_there() -> None:
    asked = hint_of(lambda: OAuthProvider.from_preset("jira-cloud", **CLIENT))
    assert "CredentialsProvider.from_preset" in asked
    asked = hint_of(lambda: CredentialsProvider.from_preset("microsoft", server_base_url="https://mcp.example"))
    assert "OAuthProvider.from_preset" in asked


def test_a_variable_that_was_given_as_an_argument_or_not_at_all_is_asked_for_as_it_is_given() -> None:
    for given in (CLIENT, {**CLIENT, "subdomain": "acme"}):
        assert 'variables={"subdomain": "acme"}' in hint_of(partial(OAuthProvider.from_preset, "zendesk", **given))
    assert "base_url=" in hint_of(lambda: OAuthProvider.from_preset("github-enterprise", **CLIENT))
    tenanted = replace(PRESETS["microsoft"], variables={"tenant": ""})
    assert "tenant=" in hint_of(lambda: OAuthProvider.from_preset(tenanted, **CLIENT))


@pytest.mark.parametrize("given", ["acme", "acme.zendesk.com", "Acme.Zendesk.com"])
def test_the_whole_host_may_be_given_where_its_first_part_is_meant(given: str) -> None:
    made = resolved(PRESETS["zendesk"], {"subdomain": given})
    assert made.token_url.lower() == "https://acme.zendesk.com/oauth/tokens"


@pytest.mark.parametrize("given", [".zendesk.com", "https://acme.zendesk.com", "acme.zendesk.com/"])
def test_what_is_no_host_is_refused_all_the_same(given: str) -> None:
    with pytest.raises(ConfigurationError):
        resolved(PRESETS["zendesk"], {"subdomain": given})


def test_a_row_is_changed_as_the_documentation_says() -> None:
    # Cleaned, because Python 3.13 takes the indentation out by itself and older ones do not.
    text = (inspect.getdoc(preset_named) or "").partition("::\n")[2].partition("\nArgs:")[0]
    made: list[ServicePreset] = []

    class Recorder:
        @staticmethod
        def from_preset(preset: ServicePreset, **_: Any) -> None:
            made.append(preset)

    names = {"preset_named": preset_named, "OAuthProvider": Recorder}
    example = "".join(f">>> {line.strip()}\n" for line in text.splitlines() if line.strip())
    run = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(example, names, "example", None, 0))
    assert (run.failed, len(made)) == (0, 1)
    assert made[0].token_url != PRESETS["hubspot"].token_url
    assert OAuthProvider.from_preset(made[0], **CLIENT).name == "hubspot"
