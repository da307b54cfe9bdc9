"""Definitions: entities, sources, features, views, services, and their types and hashes."""
