"""Materialization: the latest rows of a view, written to the online store under a lease."""
