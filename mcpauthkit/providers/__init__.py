"""The faces tool authors use."""
