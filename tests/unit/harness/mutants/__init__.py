"""Tests of planted bugs that no cluster of cores can show."""
