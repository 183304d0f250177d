"""What is wrong with an input file, and where."""


class HistoryError(Exception):
    """A history cannot be read: one sentence that says what was found and what was expected.

    Nothing was concluded from the part that could be read; no verdict may rest on it.
    """

    def __init__(self, message: str, line: int | None = None, source: str | None = None) -> None:
        super().__init__(message, line, source)
        self.message = message
        self.line = line
        """Counted from 1; `None` when the file as a whole is wrong."""
        self.source = source
        """The file, as the caller named it."""

    def __str__(self) -> str:
        """Write it the way compilers do: `FILE:LINE: message`."""
        match self.source, self.line:
            case None, None:
                return self.message
            case None, line:
                return f"line {line}: {self.message}"
            case source, None:
                return f"{source}: {self.message}"
            case source, line:
                return f"{source}:{line}: {self.message}"
