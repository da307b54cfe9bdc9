"""The project that ``featurestore init`` makes: its files as they are, but for the project's name."""
