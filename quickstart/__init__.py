"""The runnable example."""
