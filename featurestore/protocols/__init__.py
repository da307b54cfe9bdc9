"""The seams of the house: what an engine, an online store and a registry have to be able to do.

Each protocol is small, its arguments are keyword-only, and the core validates them before the call.
"""
