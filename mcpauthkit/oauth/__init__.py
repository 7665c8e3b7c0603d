"""oauth room."""
