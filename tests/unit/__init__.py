"""Does each piece keep its contract? One behaviour a test, in milliseconds."""
