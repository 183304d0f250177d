"""Errors of a client, sorted by what the caller may conclude."""


class ClientError(Exception):
    """An operation did not get an answer that says it was executed."""


class Rejected(ClientError):
    """Certainly not executed, and it never will be: a history may call it FAILED."""


class Overloaded(Rejected):
    """Rejected because the cluster has too much to do: trying again at once makes it worse."""


class Indeterminate(ClientError):
    """It may have been executed, may be later, or may never be: UNKNOWN, not FAILED."""


class NoRoom(Rejected):
    """A session has as many operations in flight as its window takes: this one was not issued."""
