"""Standing in for the driver."""

from typing import TypeVar

from node.runtime.inbox import Inbox

EventT = TypeVar("EventT")


async def take_all(inbox: Inbox[EventT]) -> list[EventT]:
    """Wait for events and take all of them."""
    await inbox.wait()
    return inbox.take_all()
