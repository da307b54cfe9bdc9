"""What the benchmarks publish, and how they judge what they measured."""
