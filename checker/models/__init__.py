"""The models that come with gong, one a module; each module's `MODEL` is an instance."""
