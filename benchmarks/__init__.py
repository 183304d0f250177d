"""Measurements behind what is said about speed: `python -m benchmarks.NAME`."""
