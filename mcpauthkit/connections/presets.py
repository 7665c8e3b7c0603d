"""The services whose habits are known: what each needs beyond the standard stands in its row and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mcpauthkit.connections import presets_code, presets_customers, presets_suites, presets_work
from mcpauthkit.connections.preset import ServicePreset

_ROWS = (
    presets_code.GITHUB,
    presets_code.GITHUB_APP,
    presets_code.GITHUB_ENTERPRISE,
    presets_code.GITLAB,
    presets_code.BITBUCKET,
    presets_code.HUGGING_FACE,
    presets_code.PAGERDUTY,
    presets_customers.HUBSPOT,
    presets_customers.SALESFORCE,
    presets_customers.ZENDESK,
    presets_suites.BOX,
    presets_suites.DISCORD,
    presets_suites.DROPBOX,
    presets_suites.GOOGLE,
    presets_suites.MICROSOFT,
    presets_suites.SLACK,
    presets_suites.SLACK_USER,
    presets_suites.ZOOM,
    presets_work.AIRTABLE,
    presets_work.ASANA,
    presets_work.ATLASSIAN,
    presets_work.BITBUCKET_DATA_CENTER,
    presets_work.CONFLUENCE_DATA_CENTER,
    presets_work.FIGMA,
    presets_work.JIRA_DATA_CENTER,
    presets_work.LINEAR,
    presets_work.MONDAY,
    presets_work.NOTION,
)

PRESETS: Mapping[str, ServicePreset] = MappingProxyType({one.name: one for one in _ROWS})
"""Every row by its name."""
