"""Parts of the conformance suite for registries, one file per subject."""
