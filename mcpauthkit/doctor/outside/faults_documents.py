"""Faults of the documents clients read, and of the issuer they lead to."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.outside.faults_calls import LEGACY_FAILS, MODERN_FAILS

PRM_MISSING = Fault(
    "prm-missing",
    "error",
    "There is no protected resource metadata",
    "No client finds the login: the document of RFC 9728 is at none of its places.",
    "Include oauth_meta_router(...) before mounting anything at /, with the resource_paths of the middleware.",
)
PRM_NEEDS_TOKEN = Fault(
    "prm-needs-token",
    "error",
    "The metadata is behind the login",
    "The document that tells where to sign in is answered 401 or 403.",
    "Serve /.well-known/oauth-protected-resource without a token; see which gateway or middleware asks for one.",
)
PRM_NOT_JSON = Fault(
    "prm-not-json",
    "error",
    "Something else answers in the place of the metadata",
    "The place of the document answers 200 with what is no JSON object: a page for everything, mounted before it.",
    "Include oauth_meta_router(...) before the route or gateway rule that takes every path.",
)
POINTER_DEAD = Fault(
    "challenge-points-nowhere",
    "error",
    "The challenge points to where no metadata is",
    "resource_metadata leads to no document, though there is one at a well-known place. TypeScript clients do not look "
    "there any more.",
    "Point resource_metadata at the place where the document is served.",
)
PRM_NOT_AT_PATH = Fault(
    "prm-not-at-path-form",
    "error",
    "The metadata is at the root form only",
    "VS Code refuses a document at the root that names a resource with a path.",
    "Serve it at /.well-known/oauth-protected-resource followed by the path of the MCP server.",
)
RESOURCE_MISMATCH = Fault(
    "prm-resource-mismatch",
    "error",
    "The metadata is for another URL",
    "resource differs from the URL users enter, so clients refuse the document.",
    "Set server_base_url and resource_paths so that together they are the URL users enter.",
)
RESOURCE_SLASH = Fault(
    "prm-resource-trailing-slash",
    "error",
    "resource ends with a slash too many",
    "TypeScript clients, Inspector, mcp-remote, VS Code, Codex, Claude Code and opencode compare it as a string.",
    "Serve it without the slash, and let users enter the URL without one.",
)
RESOURCE_IS_ORIGIN = Fault(
    "resource-is-origin",
    "note",
    "resource has no path",
    "Several clients send it with a slash behind it, and the audience of their tokens may then differ by that slash.",
    "Mount the server at a path such as /mcp, or accept both spellings as audience, as JwtAuthMiddleware does.",
)
NO_AUTHORIZATION_SERVER = Fault(
    "prm-without-issuer",
    "error",
    "The metadata names no issuer",
    "authorization_servers is missing or empty, so clients take the MCP server itself for the issuer.",
    "Name the issuer; oauth_meta_router(issuer_url=...) does.",
)
SEVERAL_ISSUERS = Fault(
    "prm-several-issuers",
    "note",
    "The metadata names several issuers",
    "Clients use the first one only.",
    "Put the one that MCP clients can sign in at first.",
)
PRM_CORS = Fault(
    "prm-not-readable-by-pages",
    "warning",
    "Pages cannot read the metadata",
    "The document has no Access-Control-Allow-Origin, so clients that run in a browser do not find the login.",
    "Serve it with Access-Control-Allow-Origin: *, as oauth_meta_router does; a gateway may drop it.",
)
UNKNOWN_SCOPES = Fault(
    "scopes-unknown-to-issuer",
    "warning",
    "Clients are told to ask for scopes the issuer does not list",
    "Many issuers refuse the whole sign-in for one scope they do not know.",
    "Create the scopes at the issuer, or take them out of scopes= of the middleware and the router.",
)
ISSUER_ON_LOOPBACK = Fault(
    "issuer-on-loopback",
    "error",
    "The issuer is on the server's own machine",
    "The metadata of a public server sends clients to a loopback address, which is their own machine and not this one.",
    "Set issuer_url to the address at which users and clients reach the issuer.",
)
ISSUER_UNREACHABLE = Fault(
    "issuer-unreachable",
    "error",
    "The issuer does not answer",
    "Nobody can sign in: the issuer's metadata got no answer, or a server error.",
    "See that the address is right and reachable from where clients are.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)
ISSUER_PLAIN_HTTP = Fault(
    "issuer-plain-http",
    "error",
    "The issuer, or one of its endpoints, is plain http",
    "Clients refuse it, and passwords and codes would travel in clear.",
    "Let the issuer know its public https address; behind a proxy it often takes its own for it.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)
ISSUER_NO_METADATA = Fault(
    "issuer-without-metadata",
    "error",
    "The issuer has no metadata",
    "There is neither an OpenID nor an RFC 8414 document at any of the places clients look at.",
    "Compare issuer_url with the value of issuer in the provider's discovery document.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)
ISSUER_MISMATCH = Fault(
    "issuer-mismatch",
    "error",
    "The issuer calls itself otherwise",
    "issuer in its metadata is not the string in authorization_servers, so Python, TypeScript 2, Inspector, "
    "mcp-remote, Codex and Claude Code refuse it.",
    "Write issuer_url exactly as the issuer's metadata spells it.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)
ISSUER_SLASH = Fault(
    "issuer-trailing-slash",
    "error",
    "The issuer differs by a trailing slash",
    "Clients compare it as a string. URL types such as pydantic's AnyHttpUrl add one.",
    "Write issuer_url exactly as the issuer's metadata spells it, and pass it as plain text.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)
ENDPOINT_MISSING = Fault(
    "issuer-endpoint-missing",
    "error",
    "The issuer has no place to sign in",
    "Its metadata lacks authorization_endpoint or token_endpoint.",
    "Check that issuer_url names a server where users sign in.",
)
NO_CODE_FLOW = Fault(
    "issuer-without-code-flow",
    "error",
    "The issuer does not offer the authorization code flow",
    "response_types_supported lacks code, or grant_types_supported lacks authorization_code; MCP clients know nothing "
    "else.",
    "Switch the authorization code flow on at the issuer.",
)
NO_RESPONSE_TYPES = Fault(
    "issuer-without-response-types",
    "error",
    "The issuer's metadata lacks response_types_supported",
    "TypeScript clients, Claude Code and opencode refuse the document, as RFC 8414 demands the member.",
    'Let the issuer list it, with at least "code"; or use proxy mode, whose document has it.',
)
NO_S256 = Fault(
    "issuer-without-s256",
    "error",
    "The issuer does not offer PKCE with S256",
    "code_challenge_methods_supported is there and lacks S256, so TypeScript clients, Codex, Claude Code and opencode "
    "stop.",
    "Switch S256 on at the issuer; plain protects nothing.",
)
S256_UNLISTED = Fault(
    "issuer-s256-unlisted",
    "note",
    "The issuer does not say that it knows PKCE",
    "code_challenge_methods_supported is missing. Today's clients go on with S256; MCP allows them to stop.",
    "Let the issuer list S256 if it can. Entra and Cognito cannot; proxy mode lists it in their place.",
)
NO_REGISTRATION = Fault(
    "issuer-without-registration",
    "warning",
    "Clients cannot register at the issuer",
    "It takes neither metadata documents nor registrations, so each client needs an id that somebody made by hand.",
    "Use proxy mode (client_id=...), switch registration on at the issuer, or hand out client ids.",
)
DOCUMENTS_ONLY = Fault(
    "issuer-without-dynamic-registration",
    "warning",
    "Only clients with a metadata document can register",
    "The SDKs, FastMCP, Inspector, mcp-remote and opencode register dynamically unless they are told otherwise.",
    "Switch dynamic registration on at the issuer, use proxy mode, or configure those clients with an id.",
)
REGISTRATION_CLOSED = Fault(
    "registration-needs-permission",
    "warning",
    "Registration is announced and refused",
    "The registration endpoint answers 401 or 403 to who has no token of its own, as no MCP client has.",
    "Open it for MCP clients (Keycloak: the client registration policies), or use proxy mode.",
)
DOCUMENTS_WITHOUT_NONE = Fault(
    "issuer-documents-without-none",
    "note",
    "The issuer takes metadata documents and lists no public clients",
    "token_endpoint_auth_methods_supported lacks none, so Codex registers dynamically instead.",
    "Let the issuer list none, if it can.",
)
AUTHORIZE_NOT_SERVED = Fault(
    "authorize-not-served",
    "error",
    "The sign-in page of the application is not there",
    "This server says that it is the authorization server, and its own authorization endpoint answers 401, 404 or a "
    "server error.",
    "Let the endpoint through to oauth_meta_router: it is shadowed, or behind a login.",
)
TOKEN_NOT_SERVED = Fault(
    "token-endpoint-not-served",
    "error",
    "The token endpoint of the application is not there",
    "This server says that it is the authorization server, and its token endpoint does not answer as one.",
    "Let POST requests through to oauth_meta_router: the path is shadowed, or a gateway refuses them.",
)
KEYS_UNUSABLE = Fault(
    "issuer-keys-unusable",
    "error",
    "The issuer's keys cannot be used",
    "Its key set cannot be read, redirects, or holds no key that verifies signatures, so every token is refused.",
    "Open jwks_uri; it has to answer 200 with at least one public key for signing.",
    explains=(LEGACY_FAILS.code, MODERN_FAILS.code),
)

DOCUMENTS = (
    PRM_MISSING,
    PRM_NEEDS_TOKEN,
    PRM_NOT_JSON,
    POINTER_DEAD,
    PRM_NOT_AT_PATH,
    RESOURCE_MISMATCH,
    RESOURCE_SLASH,
    RESOURCE_IS_ORIGIN,
    NO_AUTHORIZATION_SERVER,
    SEVERAL_ISSUERS,
    PRM_CORS,
    UNKNOWN_SCOPES,
    ISSUER_ON_LOOPBACK,
    ISSUER_UNREACHABLE,
    ISSUER_PLAIN_HTTP,
    ISSUER_NO_METADATA,
    ISSUER_MISMATCH,
    ISSUER_SLASH,
    ENDPOINT_MISSING,
    NO_CODE_FLOW,
    NO_RESPONSE_TYPES,
    NO_S256,
    S256_UNLISTED,
    NO_REGISTRATION,
    DOCUMENTS_ONLY,
    REGISTRATION_CLOSED,
    DOCUMENTS_WITHOUT_NONE,
    AUTHORIZE_NOT_SERVED,
    TOKEN_NOT_SERVED,
    KEYS_UNUSABLE,
)
"""In the order in which clients meet them."""
