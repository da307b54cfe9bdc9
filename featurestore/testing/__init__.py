"""In-memory fakes, the oracle of the law of time, and the conformance suites that adapters subclass."""
