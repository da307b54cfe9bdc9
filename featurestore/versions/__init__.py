"""Versions of definitions: their history, what differs between them, and which one is active."""
