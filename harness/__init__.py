"""Runs clusters, hurts them, judges what their clients saw, and reports."""
