"""Queries: answers outside the log, that must not miss what another shard has been told.

A leader answers a query from what is executed (see `node.core.multipaxos.reading`). But in fast mode an
operation may be *certain* before it is executed: its successor may be executed on another shard, and be
seen there, by somebody who then asks here. So a query waits until all decisions are executed that
others were told of when it came; of a new leader, also those that it recovers from its predecessors.
"""

from abc import ABC

from node.core.interface import Refusal
from node.core.mdl.office import Office
from node.core.mdl.recoverer import Recoverer
from node.marks import sometimes
from node.types import Query

_QUERY_WAITS = sometimes("a query waits for what other shards were told is certain")
_TOO_MANY = sometimes("a leader refuses a query because too many wait for decisions")


class Questioned(Recoverer, ABC):
    """The part of a leader that answers queries."""

    def _on_query(self, query: Query, clock: int) -> None:
        office = self.office
        if office is None or self._is_safe_to_read(office):
            super()._on_query(query, clock)
        elif len(office.queries) >= self.settings.pending_max:
            _TOO_MANY.hit()
            self._refuse(query, Refusal.OVERLOADED)
        else:
            _QUERY_WAITS.hit()
            office.queries.append((office.vouched_upto, query))

    def _is_safe_to_read(self, office: Office) -> bool:
        """Whether all that others were told is executed here."""
        return office.may_decide and self._machine.decisions >= office.vouched_upto

    def _ask_on(self, office: Office) -> None:
        """What has waited long enough is asked now. It still has to be confirmed that this is the leader."""
        while office.may_decide and office.queries:
            needed, query = office.queries[0]
            # Asked before this leader knew what it had to recover.
            needed = max(needed, office.recovered_upto)
            if self._machine.decisions < needed:
                return
            office.queries.popleft()
            super()._on_query(query, self._clock)
