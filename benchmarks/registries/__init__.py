"""Registries of a given size, filled in bulk."""
