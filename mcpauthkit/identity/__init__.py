"""Leg 1: from the text of a token to a principal."""
