"""Lineage: which columns feed which features, and where these go."""
