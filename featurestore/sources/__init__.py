"""Reading sources: files, schemas, and the checks that a view's columns are there and of its types."""
