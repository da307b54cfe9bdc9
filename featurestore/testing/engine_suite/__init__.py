"""Parts of the conformance suite for offline engines, one file per subject."""
