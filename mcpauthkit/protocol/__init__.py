"""The only room that speaks MCP: eras, capabilities, asking the user, wrapping tools."""
