"""The only reader of the environment."""

from mcpauthkit.settings.app import AppSettings
from mcpauthkit.settings.base import Given, Settings, read_together
from mcpauthkit.settings.parts import (
    DecryptionKeySettings,
    DeploymentSettings,
    DoctorSettings,
    StdioSettings,
    StorageSettings,
)
from mcpauthkit.settings.services import ServiceClient, service_client
from mcpauthkit.settings.table import (
    Effective,
    EverySetting,
    Misspelt,
    Setting,
    effective_settings,
    every_setting,
    misspelt_variables,
)

__all__ = [
    "AppSettings",
    "DecryptionKeySettings",
    "DeploymentSettings",
    "DoctorSettings",
    "Effective",
    "EverySetting",
    "Given",
    "Misspelt",
    "ServiceClient",
    "Setting",
    "Settings",
    "StdioSettings",
    "StorageSettings",
    "effective_settings",
    "every_setting",
    "misspelt_variables",
    "read_together",
    "service_client",
]
