"""Expectations, carried out: over rows on their way to the online store or to a training set, and over sources."""
