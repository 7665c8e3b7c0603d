"""The store on Redis; importing this room does not import redis-py, which is an extra."""
