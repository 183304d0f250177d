"""Load on a real cluster, and what it costs: `gong bench`."""
