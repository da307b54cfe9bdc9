"""Servers with data for the benchmarks of warehouses."""
