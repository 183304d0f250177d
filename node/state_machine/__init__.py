"""Deterministic applications, and the sessions that make each command execute exactly once."""
