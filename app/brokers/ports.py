"""Ports on the loopback address."""

from __future__ import annotations

import random
import socket

from app.errors import BrokerError

LOOPBACK = "127.0.0.1"

# Below the range from which systems take the ports of outgoing connections (from 32768 on Linux): while a
# broker restarts, a client that keeps connecting to a port of that range may end up connected to itself.
_FIRST, _LAST = 20_000, 32_000


def free_port() -> int:
    """Return a free port of the loopback address."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(_FIRST, _LAST)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim(port: int) -> int:
    """Return `port` if it is free, or a free one for 0.

    Raises:
        BrokerError: it is in use.
    """
    if port and not is_free(port):
        raise BrokerError(f"port {port} is in use; stop what listens there, or set broker.port to another, or to 0")
    return port or free_port()
