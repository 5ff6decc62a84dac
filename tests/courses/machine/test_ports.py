"""Ports that are taken."""

from __future__ import annotations

import socket

import pytest

from courses.errors import SetupError
from courses.machine.ports import Ports


def free_base() -> int:
    """A port with all that follow from it free."""
    # Not among those that tests beside this one look for, nor those of outgoing connections.
    for port in range(30_400, 32_400, 100):
        try:
            Ports(port).check()
        except SetupError:
            continue
        return port
    raise AssertionError("no free ports")


@pytest.mark.parametrize(
    ("offset", "purpose"),
    [
        (0, "the classroom's address"),
        (1, "the proxy's API"),
        (81, "the hub"),
        (82, "the classroom service"),
    ],
)
def test_a_taken_port(offset: int, purpose: str) -> None:
    base = free_base()
    with (
        socket.create_server(("127.0.0.1", base + offset)),
        pytest.raises(SetupError) as caught,
    ):
        Ports(base).check()
    assert str(caught.value) == (
        f"Port {base + offset}, for {purpose}, is taken by another program. "
        f"Choose another: make run PORT={base + 200}"
    )


@pytest.mark.parametrize("port", [0, -1, 65500])
def test_no_port(port: int) -> None:
    with pytest.raises(SetupError, match=f"^Port {port} cannot be used"):
        Ports(port).check()
