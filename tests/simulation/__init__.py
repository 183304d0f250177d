"""Whole clusters of cores under hostile schedules, scripted or from a seed."""
