"""Whole clusters in a world that a seed decides, as bad as it can be, and repeatable.

    seed ──draw_world──▶ World (plain data) ──floor──▶ Outcome (failure, what bit, trace hash)

Two floors run the same world: `core` steps the cores on an event loop of its own, `runtime` runs
whole replicas and clients on Trio's fake clock. docs/internals/simulation.md explains.
"""
