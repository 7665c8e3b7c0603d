"""Key-value stores: the port and its adapters."""
