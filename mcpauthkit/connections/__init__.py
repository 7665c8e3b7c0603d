"""connections room."""
