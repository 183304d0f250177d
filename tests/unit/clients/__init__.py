"""Unit tests of the clients: what they may conclude, what they write down."""
