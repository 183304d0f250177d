"""What crosses a connection, as values and as bytes; also used by clients."""
