"""A development service in the place of a real one: on this machine, and never in production."""

from __future__ import annotations

import pytest

from mcpauthkit import AuthKit
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings import stand_in_url
from mcpauthkit.testing import DevWorld


def kit(dev_world: DevWorld) -> AuthKit:
    return AuthKit(server_base_url=dev_world.base_url, issuer_url=dev_world.issuer.issuer_url)


def test_the_addresses_are_those_of_the_development_service(dev_world: DevWorld) -> None:
    assert kit(dev_world).oauth("github").api_url == dev_world.service.api_url
    row = dev_world.preset()
    assert (row.authorize_url, row.token_url) == (dev_world.service.authorize_url, dev_world.service.token_url)
    # Nothing is left that would take a credential to the real service.
    assert (row.name, row.revocation, row.whoami) == ("github", None, None)


def test_other_services_stay_real(dev_world: DevWorld) -> None:
    real = kit(dev_world).oauth("gitlab", client_id="id", client_secret="secret").api_url
    assert real == "https://gitlab.com/api/v4"
    assert stand_in_url("gitlab") is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_STAND_IN_URL", "https://forge.example.com"),
        ("GITHUB_STAND_IN_URL", "forge"),
        ("MCPAUTHKIT_PRODUCTION", "1"),
    ],
)
def test_elsewhere_and_in_production_there_is_none(
    dev_world: DevWorld, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as refused:
        kit(dev_world).oauth("github")
    assert "GITHUB_STAND_IN_URL" in str(refused.value)
