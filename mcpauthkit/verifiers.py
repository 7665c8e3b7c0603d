"""Ways to prove who is calling besides an issuer's token, and the parts they are made of.

Pass verifiers as `verifiers=` to `JwtAuthMiddleware`; they are asked in order.
"""

from mcpauthkit.identity.api_key import ApiKeyVerifier
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.custom import CustomVerifier
from mcpauthkit.identity.decryption_keys import DecryptedToken
from mcpauthkit.identity.issuer_profile import ClaimRule
from mcpauthkit.identity.jwe import EncryptedToken
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import Presented, TokenVerifier, Verified
from mcpauthkit.identity.private_keys import DecryptionKey
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.identity.static_key import StaticKeyVerifier
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from mcpauthkit.identity.unsigned_encrypted import UnsignedEncryptedVerifier
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.protocol.fastmcp_auth import KitTokenVerifier, fastmcp_token_verifier
from mcpauthkit.protocol.sinks import PrincipalToken

__all__ = [
    "ApiKeyVerifier",
    "ClaimRule",
    "CustomVerifier",
    "DecryptedToken",
    "DecryptionKey",
    "EncryptedToken",
    "IntrospectionVerifier",
    "JwtVerifier",
    "KitTokenVerifier",
    "Presented",
    "PrincipalToken",
    "SharedSecretVerifier",
    "StaticKeyVerifier",
    "TokenVerifier",
    "TrustedHeaderVerifier",
    "UnsignedEncryptedVerifier",
    "Verified",
    "VerifierChain",
    "fastmcp_token_verifier",
]
