"""The issuers we know, one row each. What a row says was taken from the vendor's documentation or source code."""

from __future__ import annotations

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.issuer_profile import ID_TOKEN_MARKS, NO_TYPE, ClaimRule, IssuerProfile

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WITH_NONCE = (*ID_TOKEN_MARKS, "nonce")

GENERIC = IssuerProfile(
    name="generic",
    label="the issuer",
    # Words of Cognito and Keycloak: whoever runs those without naming the profile is to be safe too.
    rules=(ClaimRule("token_use", one_of=("access",)), ClaimRule("typ", never=("ID", "Refresh", "Offline", "Logout"))),
)
"""For an issuer of no particular kind."""

_ROWS = (
    GENERIC,
    IssuerProfile(
        name="keycloak",
        label="Keycloak",
        claims=ClaimMap(
            scopes="scope",
            # Not `groups`: who may make a group called `admin` need not be who may make that realm role. Whoever wants
            # them names all three paths, and lets the mapper write full paths, which begin with a slash.
            roles=("realm_access.roles", "resource_access.*.roles"),
            client_id=("azp", "client_id"),
        ),
        types=("jwt", "at+jwt"),
        rules=(ClaimRule("typ", one_of=("Bearer",)),),
        # Before version 25, and with the mapper "Nonce backwards compatible", `nonce` is in every token.
        marks_without_scope=(),
        issuer_url_rules=((r"/realms/[^/]+$", "It ends in /realms/ and the realm's name, without a slash behind."),),
        audience_setting=(
            "At Keycloak: add an Audience mapper with the included custom audience {resource} to a client scope that "
            "the client asks for."
        ),
    ),
    IssuerProfile(
        name="okta",
        label="Okta",
        # `sub` is the login name in access tokens and the user's id in ID tokens; `uid` is that id in access tokens
        # and missing where no user is behind the token.
        claims=ClaimMap(scopes="scp", roles=("groups", "roles"), client_id="cid", subject=("uid", "sub")),
        required=(("cid",),),
        marks=_WITH_NONCE,
        issuer_url_rules=(
            (
                r"/oauth2/[^/]+$",
                (
                    "Tokens of the org authorization server are for Okta alone: use a custom one, "
                    "https://{yourOktaDomain}/oauth2/{authorizationServerId}."
                ),
            ),
        ),
        audience_setting=(
            "At Okta: set the audience of the custom authorization server to {resource}, or name its present one as "
            "the audience of this issuer here."
        ),
        opaque_setting="At Okta: let the client use a custom authorization server, /oauth2/ and its id.",
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="entra",
        label="Entra ID",
        # `sub` differs from application to application, `oid` is the same in all of a tenant.
        claims=ClaimMap(
            scopes="scp",
            app_scopes="roles",
            roles=("roles", "groups", "wids"),
            client_id=("azp", "appid"),
            subject="oid",
        ),
        types=("jwt",),
        required=(("azp", "appid"), ("scp", "roles")),
        rules=(ClaimRule("ver", one_of=("1.0", "2.0")),),
        marks=_WITH_NONCE,
        tenant_claim="tid",
        tenant_pattern=_GUID,
        issuer_url_rules=(
            (
                rf"^https?://[^/]+/{_GUID}(/|$)",
                (
                    "Name the tenant by its id (a GUID in lower case); for several tenants write {tenantid} there and "
                    "list them in tenants=. The words common, organizations and consumers are no issuers."
                ),
            ),
        ),
        audience_aliases=("api://{audience}",),
        short_scopes=True,
        audience_setting=(
            "At Entra ID: set requestedAccessTokenVersion of the API's app registration to 2, and name its "
            "application (client) ID as the audience of this issuer here; tokens never name {resource}."
        ),
        opaque_setting=(
            "At Entra ID: tokens of Microsoft's own APIs are of no use here; let the client ask for a scope of your "
            "own API."
        ),
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="auth0",
        label="Auth0",
        claims=ClaimMap(scopes="scope", roles=(), client_id=("azp", "client_id")),
        types=("jwt", "at+jwt"),
        required=(("azp", "client_id"),),
        marks=_WITH_NONCE,
        issuer_url_rules=((r"/$", "It ends in a slash."),),
        audience_setting=(
            "At Auth0: create an API with the identifier {resource} and switch on the Resource Parameter "
            "Compatibility Profile of the tenant."
        ),
        opaque_setting=(
            "At Auth0: tokens are opaque when no API is asked for; create an API whose identifier is the URL of this "
            "MCP server and switch on the Resource Parameter Compatibility Profile of the tenant."
        ),
        resource_parameter="audience",
    ),
    IssuerProfile(
        name="duende",
        label="Duende IdentityServer",
        claims=ClaimMap(scopes="scope", roles="role", client_id="client_id"),
        # Its ID tokens say JWT. Whoever changes AccessTokenJwtType there changes this here.
        types=("at+jwt",),
        required=(("client_id",),),
        marks=_WITH_NONCE,
        audience_setting=(
            "At Duende IdentityServer: name the ApiResource that has the granted scopes {resource}, and set "
            "RequireResourceIndicator on it."
        ),
        opaque_setting=(
            "At Duende IdentityServer: set AccessTokenType of the client to Jwt, or check reference tokens by "
            "introspection here."
        ),
    ),
    IssuerProfile(
        name="cognito",
        label="Amazon Cognito",
        claims=ClaimMap(scopes="scope", roles="cognito:groups", client_id="client_id"),
        required=(("token_use",), ("client_id",)),
        rules=(ClaimRule("token_use", one_of=("access",)),),
        marks=_WITH_NONCE,
        issuer_url_rules=(
            (
                r"^(?!https?://[^/]*\.amazoncognito\.com)",
                "The hosted sign-in's address is no issuer: write https://cognito-idp.{region}.amazonaws.com/{poolId}.",
            ),
        ),
        client_stands_for_audience=True,
        audience_setting=(
            "At Amazon Cognito: give the user pool a resource server with the identifier {resource} and let clients "
            "send it as the resource parameter at the managed login."
        ),
    ),
    IssuerProfile(
        name="google",
        label="Google",
        claims=ClaimMap(scopes="scope", roles=(), client_id=("azp", "aud")),
        accepts_jwt=False,
        opaque_by_default=True,
        audience_setting="Google names the OAuth client as audience: list the client ids of your clients here.",
        opaque_setting="Access tokens of Google are always opaque: check them by introspection here.",
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="gitlab",
        label="GitLab",
        claims=ClaimMap(scopes="scope", roles="groups", client_id="client_id"),
        accepts_jwt=False,
        opaque_by_default=True,
        audience_setting="GitLab names no audience: list the client ids of your clients here.",
        opaque_setting="Access tokens of GitLab are always opaque: check them by introspection here.",
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="pingone",
        label="PingOne",
        claims=ClaimMap(scopes="scope", roles=("groups", "roles"), client_id="client_id"),
        marks=_WITH_NONCE,
        audience_setting="At PingOne: set the audience of the custom resource to {resource}.",
    ),
    IssuerProfile(
        name="authentik",
        label="authentik",
        claims=ClaimMap(scopes="scope", roles="groups", client_id="azp"),
        types=("jwt",),
        # Both tokens have the same claims and the same audience; these two are what only the access token has.
        required=(("azp",), ("uid",)),
        marks=("events",),
        marks_without_scope=(),
        audience_setting=(
            "authentik names the provider's client id as audience: name that as the audience of this issuer here, or "
            "add a scope mapping that returns aud as {resource}."
        ),
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="zitadel",
        label="Zitadel",
        claims=ClaimMap(scopes="scope", roles="urn:zitadel:iam:org:project:roles", client_id=("client_id", "azp")),
        types=("jwt", "at+jwt"),
        # Both tokens name the same audiences; only access tokens have an id.
        required=(("jti",),),
        marks=_WITH_NONCE,
        opaque_by_default=True,
        audience_setting=(
            "At Zitadel: let clients ask for the scope urn:zitadel:iam:org:project:id:(project id):aud, and name the "
            "project id as the audience of this issuer here; tokens never name {resource}."
        ),
        opaque_setting=(
            "At Zitadel: set the auth token type of the application to JWT, or check opaque tokens by introspection "
            "here."
        ),
        resource_parameter="omit",
    ),
    IssuerProfile(
        name="hydra",
        label="Ory Hydra",
        claims=ClaimMap(
            scopes=("scp", "scope"), roles=("roles", "groups", "ext.roles", "ext.groups"), client_id="client_id"
        ),
        types=(NO_TYPE, "jwt", "at+jwt"),
        required=(("client_id",),),
        marks=_WITH_NONCE,
        opaque_by_default=True,
        audience_setting=(
            "At Ory Hydra: put {resource} on the client's list of audiences and let the consent application grant it."
        ),
        opaque_setting=(
            "At Ory Hydra: set strategies.access_token to jwt, or access_token_strategy of the client, or check opaque "
            "tokens by introspection here."
        ),
        resource_parameter="audience",
    ),
)

PROFILES = {row.name: row for row in _ROWS}
"""Every row by name."""


def profile_named(name: str) -> IssuerProfile:
    """The profile of a kind of issuer.

    Raises:
        ConfigurationError: There is none of that name.
    """
    profile = PROFILES.get(name)
    if profile is None:
        raise ConfigurationError(
            f"There is no issuer profile {name!r}.", hint=f"Write one of {', '.join(PROFILES)}, or an IssuerProfile."
        )
    return profile
