"""Looking after features in use: what their values have been like, run by run and over time."""
