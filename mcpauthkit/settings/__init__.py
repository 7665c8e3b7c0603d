"""The only reader of the environment."""

from mcpauthkit.settings.app import AppSettings
from mcpauthkit.settings.base import Given, Settings, refuse
from mcpauthkit.settings.parts import (
    DecryptionKeySettings,
    DeploymentSettings,
    DoctorSettings,
    StdioSettings,
    StorageSettings,
)
from mcpauthkit.settings.services import ServiceClient, service_client, stand_in_url
from mcpauthkit.settings.table import (
    Effective,
    Misspelt,
    Setting,
    effective_settings,
    every_fault,
    every_setting,
    misspelt_variables,
)

__all__ = [
    "AppSettings",
    "DecryptionKeySettings",
    "DeploymentSettings",
    "DoctorSettings",
    "Effective",
    "Given",
    "Misspelt",
    "ServiceClient",
    "Setting",
    "Settings",
    "StdioSettings",
    "StorageSettings",
    "effective_settings",
    "every_fault",
    "every_setting",
    "misspelt_variables",
    "refuse",
    "service_client",
    "stand_in_url",
]
