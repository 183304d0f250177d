"""Everything that awaits: the tasks around a core, its disk and its connections."""
