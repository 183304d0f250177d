"""A replica of a replicated state machine: protocol cores, and the runtime that awaits for them."""
