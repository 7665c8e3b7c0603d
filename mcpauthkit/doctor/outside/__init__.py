"""The view from outside: what MCP clients meet at the public URL."""
