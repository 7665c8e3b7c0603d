"""The short form: every part of the kit, put together from one public address."""

from mcpauthkit.kit.auth_kit import AuthKit
from mcpauthkit.kit.options import CredentialsArguments, KitOptions, OAuthArguments

__all__ = ["AuthKit", "CredentialsArguments", "KitOptions", "OAuthArguments"]
