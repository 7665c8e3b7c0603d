"""The services whose users make a token or key themselves, as rows: how it is sent, and how it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mcpauthkit.connections import key_services_code, key_services_trade, key_services_work
from mcpauthkit.connections.key_service import KeyService

_ROWS = (
    key_services_code.AZURE_DEVOPS,
    key_services_code.BITBUCKET,
    key_services_code.CLOUDFLARE,
    key_services_code.DATADOG,
    key_services_code.DIGITALOCEAN,
    key_services_code.GITHUB,
    key_services_code.GITLAB,
    key_services_code.GRAFANA,
    key_services_code.HUGGING_FACE,
    key_services_code.PAGERDUTY,
    key_services_code.POSTMAN,
    key_services_code.SENTRY,
    key_services_code.SENTRY_ORGANIZATION,
    key_services_code.VERCEL,
    key_services_trade.ANTHROPIC,
    key_services_trade.ELEVENLABS,
    key_services_trade.MAILGUN,
    key_services_trade.OKTA,
    key_services_trade.OPENAI,
    key_services_trade.REPLICATE,
    key_services_trade.RESEND,
    key_services_trade.SENDGRID,
    key_services_trade.SHOPIFY,
    key_services_trade.STRIPE,
    key_services_trade.TWILIO,
    key_services_work.AIRTABLE,
    key_services_work.ASANA,
    key_services_work.CONFLUENCE_CLOUD,
    key_services_work.CONFLUENCE_DATA_CENTER,
    key_services_work.DISCORD_BOT,
    key_services_work.FIGMA,
    key_services_work.HUBSPOT,
    key_services_work.JIRA_CLOUD,
    key_services_work.JIRA_DATA_CENTER,
    key_services_work.LINEAR,
    key_services_work.NOTION,
    key_services_work.SLACK,
    key_services_work.ZENDESK,
)

KEY_SERVICES: Mapping[str, KeyService] = MappingProxyType({one.name: one for one in _ROWS})
"""Every row by its name."""
