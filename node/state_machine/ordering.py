"""Sessions over several shards: the replicated state of one of them (see docs/internals/mdl.md)."""

from node.state_machine.sessions import SessionedStateMachine


class OrderedStateMachine(SessionedStateMachine):
    """A state machine that executes the operations of a session in the order of their issue."""
