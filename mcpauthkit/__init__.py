"""Authentication for MCP servers mounted in FastAPI."""
