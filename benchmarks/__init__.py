"""Benchmarks: one module a claim, all run and written down by `python -m benchmarks` (docs/performance.md)."""
