"""The view from inside: the application, its settings, stores and services."""
