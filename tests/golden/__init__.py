"""Golden files: what exactly replicas say to each other, with the reason on top."""
