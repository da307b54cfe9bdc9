"""Statistics: profiles of features, computed as the rows stream by, and merged without reading them again."""
