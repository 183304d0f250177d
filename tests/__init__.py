"""Tests; `CONTRIBUTING.md` says which kind answers which question."""
