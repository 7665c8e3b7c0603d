"""The client that an application has at a service, as the environment says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, create_model

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings.base import Settings


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
