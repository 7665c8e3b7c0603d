"""The arguments of `AuthKit` as settings describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import SecretStr

from mcpauthkit.access.audit.sinks import JsonFile, JsonLines
from mcpauthkit.access.audit.trail import AuditTrail
from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.core.audit import NoRecorder, Recorder
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import AuthKitError, ConfigurationError
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.settings import (
    AppSettings,
    DecryptionKeySettings,
    Given,
    StorageSettings,
    every_fault,
    misspelt_variables,
    refuse,
)
from mcpauthkit.stores.environment import storage_faults

_log = RequestLog("settings")


def arguments_from_settings(overrides: Mapping[str, Any], given: Given | None = None) -> dict[str, Any]:
    """The arguments of a kit.

    Args:
        overrides: Arguments that count instead of settings.
        given: What the surroundings say; as they are now unless given.

    Raises:
        ConfigurationError: Something is missing or cannot be used; all of it, in one error.
    """
    given = given or Given.now()
    faults, record = list(kit_faults(overrides, given)), {}
    settings, _ = AppSettings.read(given)
    if settings is not None and "audit" not in overrides:
        # Not among the faults that a command looks for: opening a file makes it.
        try:
            record = {"audit": _recorder(settings.mcpauthkit_audit)}
        except ConfigurationError as error:
            faults.append(f"MCPAUTHKIT_AUDIT: {error}")
    refuse(faults)
    assert settings is not None
    for one in misspelt_variables(given):
        _log.warning("%s source=%s", one.text, one.source)
    return {**_arguments(settings), **record, **overrides}


def kit_faults(overrides: Mapping[str, Any] | None = None, given: Given | None = None) -> Sequence[str]:
    """All that keeps `AuthKit.from_settings()` from making a kit, a text for each fault.

    Args:
        overrides: Arguments that count instead of settings.
        given: What the surroundings say; as they are now unless given.

    Raises:
        ConfigurationError: The `.env` file cannot be read.
    """
    overrides, given = overrides or {}, given or Given.now()
    app, _ = AppSettings.read(given)
    faults = [*_missing(given, overrides), *every_fault(given)]
    if app is not None:
        faults += _faults_of("MCPAUTHKIT_ISSUER_URL", _issuer_check(app, overrides))
        faults += _faults_of("MCPAUTHKIT_POLICIES", _policies_check(app, overrides))
    if "decryption_keys" not in overrides:
        keys, _ = DecryptionKeySettings.read(given)
        faults += [] if keys is None else _faults_of("MCP_KEY_FILE_PATH", partial(DecryptionKeys.from_settings, keys))
    if overrides.get("store") is None or overrides.get("key_ring") is None:
        storage, _ = StorageSettings.read(given)
        faults += [] if storage is None else map(str, storage_faults(storage))
    return faults


def _missing(given: Given, overrides: Mapping[str, Any]) -> Iterator[str]:
    if given.find("mcpauthkit_server_base_url") is None and "server_base_url" not in overrides:
        yield "MCPAUTHKIT_SERVER_BASE_URL: not set. Give the public address, such as https://mcp.example.com."
    if given.find("mcpauthkit_issuer_url") is None and not {"issuer_url", "issuers", "verifiers"} & set(overrides):
        yield "MCPAUTHKIT_ISSUER_URL: not set. Give the issuer of your tokens exactly as it spells itself."


def _issuer_check(app: AppSettings, overrides: Mapping[str, Any]) -> Callable[[], object]:
    """Makes the issuer, as the kit will."""
    url = app.mcpauthkit_issuer_url
    if url is None or {"issuer_url", "profile", "tenants"} & set(overrides):
        return lambda: None
    return lambda: TrustedIssuer(
        url,
        profile=app.mcpauthkit_profile or "generic",
        tenants=app.mcpauthkit_tenants,
        audience=app.mcpauthkit_audience or None,
    )


def _policies_check(app: AppSettings, overrides: Mapping[str, Any]) -> Callable[[], object]:
    path = app.mcpauthkit_policies
    return (lambda: None) if path is None or "policies" in overrides else (lambda: Policies(path))


def _faults_of(variable: str, check: Callable[[], object]) -> list[str]:
    try:
        check()
    except AuthKitError as error:
        return [f"{variable}: {error}"]
    return []


def _arguments(app: AppSettings) -> dict[str, Any]:
    """What settings say, without what they leave to defaults."""
    found: dict[str, Any] = {
        "server_base_url": app.mcpauthkit_server_base_url,
        "issuer_url": app.mcpauthkit_issuer_url,
        "profile": app.mcpauthkit_profile,
        "tenants": app.mcpauthkit_tenants,
        "audience": app.mcpauthkit_audience,
        "scopes": app.mcpauthkit_scopes,
        "require_scopes": app.mcpauthkit_require_scopes,
        "client_id": app.mcpauthkit_client_id,
        "client_secret": _secret(app.mcpauthkit_client_secret),
        "allowed_scopes": app.mcpauthkit_allowed_scopes,
        "browser_client_id": app.mcpauthkit_browser_client_id,
        "browser_client_secret": _secret(app.mcpauthkit_browser_client_secret),
        "mcp_path": app.mcpauthkit_mcp_path,
        "open_paths": app.mcpauthkit_open_paths,
        "public_tools": app.mcpauthkit_public_tools,
        "allowed_origins": app.mcpauthkit_allowed_origins,
        "encrypted_only": app.mcpauthkit_encrypted_only,
        "policies": app.mcpauthkit_policies,
    }
    return {name: value for name, value in found.items() if value}


def _secret(value: SecretStr | None) -> Secret | None:
    return None if value is None else Secret(value.get_secret_value())


def _recorder(named: str) -> Recorder | None:
    match named:
        case "log":
            return None
        case "off":
            return NoRecorder()
        case "stdout":
            return AuditTrail(JsonLines())
        case path:
            return AuditTrail(JsonFile(path))
