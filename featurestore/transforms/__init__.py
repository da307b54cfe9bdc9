"""Transforms: from the rows of a source, by the steps that definitions name, to the rows of a feature view."""
