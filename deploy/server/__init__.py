"""An MCP server to copy: what the container image runs."""
