"""Unit tests of histories: reading, pairing, recording, analysis."""
