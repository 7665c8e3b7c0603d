"""The client that an application has at a service, as the environment says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, create_model

from mcpauthkit.core.secret import Secret
from mcpauthkit.core.urls import check_base_url, is_loopback_host
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings.base import Settings
from mcpauthkit.settings.parts import DeploymentSettings


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """A client at a service.

    Args:
        client_id: Its identifier.
        client_secret: Its secret, if it has one.
    """

    client_id: str
    client_secret: SecretStr | None

    @property
    def secret(self) -> Secret | None:
        """The secret, as providers take it."""
        return None if self.client_secret is None else Secret(self.client_secret.get_secret_value())


def client_variable(service: str) -> str:
    """The variable of a client's identifier: `GITHUB_CLIENT_ID`, `GITHUB_APP_CLIENT_ID`."""
    return f"{service.replace('-', '_').upper()}_CLIENT_ID"


def secret_variable(service: str) -> str:
    """The variable of its secret: `GITHUB_CLIENT_SECRET`; with `_FILE` behind it, that of a file that holds it."""
    return f"{service.replace('-', '_').upper()}_CLIENT_SECRET"


def service_client(service: str) -> ServiceClient:
    """The client at a service: `GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET` for `github`.

    Args:
        service: The service's name in links.

    Raises:
        ConfigurationError: There is none, or the secret cannot be read.
    """
    id_name, secret_name = client_variable(service).lower(), secret_variable(service).lower()
    fields: dict[str, Any] = {id_name: (str | None, None), secret_name: (SecretStr | None, None)}
    found = create_model("ServiceClientSettings", __base__=Settings, **fields).from_environment()
    client_id: str | None = getattr(found, id_name)
    if client_id is None:
        raise ConfigurationError(
            f"Nothing says which client we are at {service}.",
            hint=f"Set {id_name.upper()} and {secret_name.upper()}, or give client_id= and client_secret=.",
        )
    return ServiceClient(client_id, getattr(found, secret_name))


def stand_in_variable(service: str) -> str:
    """The variable that says where a development service plays this one: `GITHUB_STAND_IN_URL`."""
    return f"{service.replace('-', '_').upper()}_STAND_IN_URL"


def stand_in_url(service: str) -> str | None:
    """Where a development service plays this one: what `mcpauthkit dev` and the pytest plugin set.

    Args:
        service: The service's name in links.

    Raises:
        ConfigurationError: It is not on this machine, or this is production.
    """
    variable = stand_in_variable(service)
    name = variable.lower()
    fields: dict[str, Any] = {name: (str | None, None)}
    found = create_model("StandInSettings", __base__=Settings, **fields).from_environment()
    url: str | None = getattr(found, name)
    if url is None:
        return None
    checked = check_base_url(url, variable)
    if not is_loopback_host(urlsplit(checked).hostname):
        raise ConfigurationError(
            f"{variable} names a development service that is not on this machine.",
            hint="Unset it; credentials of real users belong to the real service.",
        )
    if DeploymentSettings.from_environment().mcpauthkit_production:
        raise ConfigurationError(
            f"{variable} puts a development service in the place of {service}, and this is production.",
            hint="Unset it.",
        )
    return checked
