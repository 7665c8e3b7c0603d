"""stores room."""
