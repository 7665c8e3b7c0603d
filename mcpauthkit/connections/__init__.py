"""Leg 2: the user's own credential for a service, obtained once, kept, renewed."""
