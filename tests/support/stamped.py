"""Operations of sessions that bear stamps, or were lost."""

from msgspec import structs

from history import Operation
from history.event import Stamp
from tests.property.test_orders_brute_force import in_session
from tests.support.strategies import operation


def told(one: Operation, stamp: Stamp | None) -> Operation:
    return structs.replace(one, stamp=stamp)


def put(
    index: int,
    key: str,
    value: str,
    *,
    session: int,
    seq: int,
    stamp: Stamp | None,
    lost: bool = False,
) -> Operation:
    """Of several that overlap: all are called before any returns."""
    plain = operation(
        index, "put", value, call=index, return_=None if lost else 100 + index, key=key
    )
    return told(in_session(plain, session, seq), stamp)


def get(index: int, key: str, value: str | None, *, call: int, stamp: Stamp | None) -> Operation:
    plain = operation(index, "get", None, value, call=call, return_=call + 1, key=key)
    return told(in_session(plain, 50 + index, 1), stamp)
