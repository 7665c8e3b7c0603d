"""Tests against other people's programs: a real Keycloak, and MCP clients as released. `scripts/services run`."""
