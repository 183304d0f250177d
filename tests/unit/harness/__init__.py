"""Unit tests of the harness: its commands, its verdicts, its reports."""
