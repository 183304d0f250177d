"""The metrics of a replica, made out of its counters when somebody asks for them.

While it serves, a replica only adds to plain integers (`node.runtime.counters`). Names, labels and
the text format are the business of prometheus-client. This module is imported when there is a
metrics port (docs/decisions/0017).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily as Counter,
    GaugeMetricFamily as Gauge,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from node.core.interface import Role
from node.runtime.counters import Durations
from node.runtime.process import resident_bytes

if TYPE_CHECKING:
    from node.runtime.replica import Replica


class ReplicaMetrics(Collector):
    """A collector, in the sense of prometheus-client."""

    def __init__(self, replica: "Replica") -> None:
        self._replica = replica

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        """What is so at this moment."""
        yield from self._consensus()
        yield from self._load()
        yield from self._connections()
        yield _histogram(
            "gong_fsync_seconds", "How long an fsync took", self._replica.counters.syncs
        )

    def _consensus(self) -> Iterable[Metric]:
        status, counters = self._replica.status(), self._replica.counters
        role = Gauge("gong_role", "1 for what this replica believes to be", labels=["role"])
        for one in Role:
            role.add_metric([one.value], float(one.value == status.role))
        yield role
        yield Gauge("gong_ballot_round", "Of the highest promised ballot", status.ballot_round)
        yield Gauge(
            "gong_leader", "Whom this replica believes to lead; 0: nobody", status.leader or 0
        )
        yield Gauge("gong_chosen_upto", "All slots up to this one are chosen", status.chosen_upto)
        yield Gauge("gong_executed_upto", "The last executed slot", status.executed_upto)
        yield Gauge("gong_accepted_upto", "The highest accepted slot", status.accepted_upto)
        yield Gauge("gong_snapshot_slot", "The newest snapshot stands for", status.snapshot_slot)
        yield Gauge("gong_truncated_upto", "No longer in the log", status.truncated_upto)
        yield Counter("gong_proposals", "Requests that went to the core", counters.proposals)
        yield Counter("gong_slots", "Executed slots", counters.slots)
        yield Counter("gong_commands", "Executed commands", counters.commands)
        yield Counter(
            "gong_leaderships", "How often this replica began to lead", counters.leaderships
        )
        refused = Counter("gong_requests_refused", "Requests not executed", labels=["reason"])
        for reason, count in counters.refused_requests.items():
            refused.add_metric([reason], count)
        yield refused

    def _load(self) -> Iterable[Metric]:
        replica = self._replica
        replies, port = replica.replies, replica.client_port.connections
        yield Gauge("gong_requests_in_flight", "Requests not yet answered", len(replies))
        yield Gauge("gong_requests_in_flight_bytes", "Their commands", replies.bytes)
        yield Gauge("gong_inbox_events", "Events that wait for the driver", len(replica.inbox))
        yield Gauge(
            "gong_output_held_bytes", "Large answers that wait for readers", port.output.total
        )
        yield Gauge("gong_input_held_bytes", "Large frames that half arrived", port.input.total)
        queued = Gauge("gong_outbox_bytes", "Messages that wait for a peer", labels=["peer"])
        dropped = Counter(
            "gong_outbox_dropped", "Messages dropped: a peer was slow", labels=["peer"]
        )
        for peer, outbox in replica.outboxes.items():
            queued.add_metric([str(peer)], outbox.queued_bytes)
            dropped.add_metric([str(peer)], outbox.dropped_count)
        yield queued
        yield dropped
        yield Gauge("gong_resident_memory_bytes", "Memory of the process", resident_bytes())

    def _connections(self) -> Iterable[Metric]:
        replica, counters = self._replica, self._replica.counters
        is_open = Gauge("gong_connections", "Open connections", labels=["port"])
        is_open.add_metric(["client"], len(replica.client_port.connections))
        is_open.add_metric(["peer"], len(replica.peer_port.connections))
        yield is_open
        linked = Gauge("gong_link_up", "1 while a link is open", labels=["peer", "direction"])
        for each in replica.peers:
            peer, link = each.info.replica, each.link
            linked.add_metric([str(peer), "to"], float(link.is_connected))
            linked.add_metric([str(peer), "from"], float(peer in replica.peer_port.links))
        yield linked
        accepted = Counter("gong_connections_accepted", "Accepted connections", labels=["port"])
        for port, count in counters.accepted.items():
            accepted.add_metric([port], count)
        yield accepted
        ended = Counter("gong_connections_ended", "Ended connections", labels=["port", "reason"])
        for name, count in counters.ended.items():
            ended.add_metric(name.split(": "), count)
        yield ended


def _histogram(name: str, what: str, durations: Durations) -> Metric:
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip([*map(str, durations.bounds_s), "+Inf"], durations.counts, strict=True):
        below += count
        buckets.append((bound, below))
    return HistogramMetricFamily(name, what, buckets=buckets, sum_value=durations.sum_s)
