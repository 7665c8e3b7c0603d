"""Policies: documents that say who may do what, and the engine that decides by them."""
