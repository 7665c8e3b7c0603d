"""The runnable example: an MCP server with both legs, a scripted tour of it, and a mode to try it by hand."""
