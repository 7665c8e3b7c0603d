"""Enforcing what rules decide: on FastMCP servers, on those mounted in them, and on the SDK's MCPServer."""
