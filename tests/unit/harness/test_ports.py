"""Ports for replicas: free, different, and not where the system takes ports for connections."""

import socket
from pathlib import Path
from random import Random

import pytest

from harness import ports
from harness.ports import free_ports


def test_ports_are_different_and_can_be_bound() -> None:
    found = free_ports(11, Random(1))
    assert len(set(found)) == 11
    with socket.create_server(("127.0.0.1", found[0])):
        pass


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    taken = free_ports(1, Random(1))[0]
    with socket.create_server(("127.0.0.1", taken)):
        assert taken not in free_ports(5, Random(1))


def test_no_port_is_one_that_an_outgoing_connection_could_take() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(free_ports(50, Random(2))) < lowest


def test_a_system_that_does_not_say_its_range_still_gives_ports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_EPHEMERAL", tmp_path / "missing")
    assert min(free_ports(5, Random(1))) >= 10_000
    (tmp_path / "low").write_text("1500\t60000\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", tmp_path / "low")
    assert max(free_ports(5, Random(1))) < 1500
