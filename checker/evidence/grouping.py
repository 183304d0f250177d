"""Operations that go together or not at all, because they are about the same values."""

from collections.abc import Hashable

from checker.evidence import knowledge
from checker.evidence.knowledge import REGISTERS
from checker.evidence.work import Facts, Work
from history import Operation


def value_groups(work: Work, facts: Facts) -> list[list[int]]:
    """What goes together or not at all: all about one value, or values that a cas links."""
    links: dict[Hashable, Hashable] = {}
    for operation in work.operations:
        values = _values_of(operation, facts)
        for value in values:
            links.setdefault(value, value)
        if len(values) == 2:
            links[_root(links, values[0])] = _root(links, values[1])
    members: dict[Hashable, list[int]] = {}
    for operation in work.operations:
        values = _values_of(operation, facts)
        if values:
            members.setdefault(_root(links, values[0]), []).append(operation.index)
    return list(members.values())


def _values_of(operation: Operation, facts: Facts) -> tuple[Hashable, ...]:
    action = facts.action(operation)
    if facts.name in REGISTERS:
        used = knowledge.use(action)
        return () if used is None else used.makes + used.needs
    return knowledge.element(action)


def _root(links: dict[Hashable, Hashable], value: Hashable) -> Hashable:
    while links[value] != value:
        links[value] = value = links[links[value]]
    return value
