"""Free TCP ports on loopback.

They are taken from below the range that the kernel uses for outgoing connections, so that a
server which is down for a moment does not lose its port to somebody's client. Two harnesses can
still draw the same number: whoever starts a server tries again with another one.
"""

import random
import socket
from collections.abc import Callable

LOOPBACK = "127.0.0.1"
_RANGE = range(15_000, 32_000)
_ATTEMPTS = 5
_random = random.SystemRandom()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    while True:
        port = _random.choice(_RANGE)
        if _is_free(port):
            return port


def start_on_free_port(start: Callable[[int], bool]) -> int:
    """Call `start` with free ports until it returns true, five times at most.

    Returns:
        The port that it started on, or 0 if it never did.
    """
    for _ in range(_ATTEMPTS):
        port = free_port()
        if start(port):
            return port
    return 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
