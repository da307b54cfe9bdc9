"""Hand-written queries: what the library is measured against."""
