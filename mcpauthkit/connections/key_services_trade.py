"""Keys made by hand at services that sell computing, messages, money and sign-in."""

from __future__ import annotations

from mcpauthkit.connections.form import Field
from mcpauthkit.connections.key_fields import address, choice, key, part
from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.connections.preset import UNAUTHORIZED, AccountPaths, Refusal

_BEARER = {"Authorization": "Bearer {token}"}

OPENAI = KeyService(
    name="openai",
    display_name="OpenAI",
    fields=(key("API key", "Begins with sk-."),),
    check_url="https://api.openai.com/v1/models",
    sent=_BEARER,
    settings_url="https://platform.openai.com/api-keys",
    guide=(
        "1. Open [API keys](https://platform.openai.com/api-keys) at OpenAI.\n"
        "2. Create a secret key and copy it; it is shown once.\n"
    ),
)

ANTHROPIC = KeyService(
    name="anthropic",
    display_name="Anthropic",
    fields=(key("API key", "Begins with sk-ant-api03-."),),
    check_url="https://api.anthropic.com/v1/models",
    sent={"x-api-key": "{token}"},
    headers={"anthropic-version": "2023-06-01"},
    guide="1. Open **Settings** and **API keys** in Anthropic's console.\n2. Create a key and copy it.\n",
)

STRIPE = KeyService(
    name="stripe",
    display_name="Stripe",
    fields=(key("API key", "A restricted key, which begins with rk_, is best."),),
    check_url="https://api.stripe.com/v1/balance",
    sent=_BEARER,
    settings_url="https://dashboard.stripe.com/apikeys",
    guide=(
        "1. Open [API keys](https://dashboard.stripe.com/apikeys) at Stripe.\n"
        "2. Create a restricted key with the permissions you want to use here, and copy it.\n"
    ),
)

SENDGRID = KeyService(
    name="sendgrid",
    display_name="SendGrid",
    fields=(
        choice("host", "Region", "api.sendgrid.com", "api.eu.sendgrid.com"),
        key("API key", "Begins with SG and a dot."),
    ),
    check_url="https://{host}/v3/scopes",
    sent=_BEARER,
    scopes="scopes",
    settings_url="https://app.sendgrid.com/settings/api_keys",
    guide=(
        "1. Open [API keys](https://app.sendgrid.com/settings/api_keys) at SendGrid.\n"
        "2. Create a key with restricted access and copy it; it is shown once.\n"
    ),
)

TWILIO = KeyService(
    name="twilio",
    display_name="Twilio",
    fields=(
        Field(
            name="account_sid",
            label="Account SID",
            pattern="AC[0-9a-fA-F]{32}",
            hint="Begins with AC and has 34 characters.",
        ),
        key("Auth token"),
    ),
    check_url="https://api.twilio.com/2010-04-01/Accounts/{account_sid}.json",
    basic="{account_sid}:{token}",
    address_field="account_sid",
    account=AccountPaths(id="sid", label="friendly_name"),
    guide="1. Open Twilio's console.\n2. Copy the account SID and the auth token.\n",
)

SHOPIFY = KeyService(
    name="shopify",
    display_name="Shopify",
    fields=(
        part("shop", "Shop", "The first part of your address: acme of acme.myshopify.com."),
        key("Admin API access token", "Begins with shpat_."),
    ),
    check_url="https://{shop}.myshopify.com/admin/oauth/access_scopes.json",
    sent={"X-Shopify-Access-Token": "{token}"},
    address_field="shop",
    scopes="access_scopes.*.handle",
    guide="1. Open your app in the store's admin.\n2. Install it and copy its Admin API access token.\n",
)

OKTA = KeyService(
    name="okta",
    display_name="Okta",
    fields=(
        address("Okta address", "Such as https://acme.okta.com."),
        key("API token", "Begins with 00."),
    ),
    check_url="{base_url}/api/v1/users/me",
    sent={"Authorization": "SSWS {token}"},
    address_field="base_url",
    account=AccountPaths(id="id", label="profile.login"),
    guide="1. Open **Security**, **API** and **Tokens** in Okta's admin console.\n2. Create a token and copy it.\n",
)

ELEVENLABS = KeyService(
    name="elevenlabs",
    display_name="ElevenLabs",
    fields=(key("API key"),),
    check_url="https://api.elevenlabs.io/v1/user",
    sent={"xi-api-key": "{token}"},
    account=AccountPaths(id="user_id", label="first_name"),
    refusals=(
        # A restricted key may lack the right to say whose it is.
        Refusal(meaning="narrow", status=401, path="detail.status", values=frozenset({"missing_permissions"})),
        UNAUTHORIZED,
    ),
    settings_url="https://elevenlabs.io/app/settings/api-keys",
    guide=(
        "1. Open [API keys](https://elevenlabs.io/app/settings/api-keys) at ElevenLabs.\n"
        "2. Create a key with the permissions you want to use here, and copy it; it is shown once.\n"
    ),
)

REPLICATE = KeyService(
    name="replicate",
    display_name="Replicate",
    fields=(key("API token"),),
    check_url="https://api.replicate.com/v1/account",
    sent=_BEARER,
    account=AccountPaths(id="username", label="name|username"),
    settings_url="https://replicate.com/account/api-tokens",
    guide=(
        "1. Open [API tokens](https://replicate.com/account/api-tokens) at Replicate.\n2. Create a token and copy it.\n"
    ),
)

RESEND = KeyService(
    name="resend",
    display_name="Resend",
    fields=(key("API key", "Begins with re_."),),
    check_url="https://api.resend.com/domains?limit=1",
    sent=_BEARER,
    # It refuses requests without one.
    headers={"User-Agent": "mcpauthkit"},
    refusals=(
        # The best kind of key: it sends, and does nothing else.
        Refusal(meaning="narrow", status=401, path="name", values=frozenset({"restricted_api_key"})),
        UNAUTHORIZED,
        Refusal(meaning="dead", status=403, path="name", values=frozenset({"invalid_api_key"})),
        Refusal(meaning="dead", status=400, path="message", values=frozenset({"API key is invalid"})),
    ),
    settings_url="https://resend.com/api-keys",
    guide=(
        "1. Open [API keys](https://resend.com/api-keys) at Resend.\n"
        "2. Create a key with the permission you want to use here, and copy it; it is shown once.\n"
    ),
)

MAILGUN = KeyService(
    name="mailgun",
    display_name="Mailgun",
    fields=(
        choice("host", "Region", "api.mailgun.net", "api.eu.mailgun.net"),
        key("API key"),
    ),
    check_url="https://{host}/v4/domains",
    basic="api:{token}",
    guide="1. Open Mailgun, then **API security** in the menu of your account.\n2. Add a key and copy it.\n",
)
