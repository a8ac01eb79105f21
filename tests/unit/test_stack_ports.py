"""A stack keeps its ports from one start to the next, unless someone else has taken them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from headwater.pipelines.stack.ports import LOOPBACK, PortBook, free_ports, is_free, parse_requested
from headwater.schemas.errors import PrerequisiteError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


def given(file: Path, *names: str, **requested: int) -> list[int]:
    book = PortBook(file, requested)
    ports = [book.port(name) for name in names]
    book.save()
    return ports


def test_a_second_start_has_the_ports_of_the_first(file: Path) -> None:
    assert given(file, "broker", "redis") == given(file, "broker", "redis")


def test_names_have_different_ports(file: Path) -> None:
    ports = given(file, *(f"name{number}" for number in range(50)))
    assert len(set(ports)) == 50


def test_a_remembered_port_that_is_taken_is_replaced(file: Path) -> None:
    (port,) = given(file, "broker")
    with socket.create_server((LOOPBACK, port)):
        assert given(file, "broker") != [port]


def test_a_requested_port_wins(file: Path) -> None:
    given(file, "redis")
    (wanted,) = free_ports(1)
    assert given(file, "redis", redis=wanted) == [wanted]


def test_a_port_is_free_until_something_listens_there() -> None:
    (port,) = free_ports(1)
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)


def test_requested_ports_are_read_from_the_command_line() -> None:
    assert parse_requested(["redis=6379", "broker=9092"]) == {"redis": 6379, "broker": 9092}


@pytest.mark.parametrize("text", ["redis", "redis=", "redis=x", "redis=0", "redis=65536", "postgres=5432"])
def test_a_port_that_makes_no_sense_is_refused_with_the_names_that_do(text: str) -> None:
    with pytest.raises(PrerequisiteError, match=r"broker, registry, redis, flink"):
        parse_requested([text])
