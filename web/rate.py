"""Limits how much one address can order."""

import ipaddress
import threading
import time
from collections.abc import Callable

from django.http import HttpRequest

MOST = 10_000  # addresses that are remembered


class Rate:
    """So many orders a minute for each address: as many at once, and then one by one."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        """Takes the number of orders a minute; 0 for no limit."""
        self._per_minute, self._clock = per_minute, clock
        self._left: dict[str, tuple[float, float]] = {}  # address -> orders left, at this time
        self._lock = threading.Lock()

    def wait(self, address: str) -> int:
        """Counts an order; returns 0 if it is allowed, else the seconds until the next one is."""
        if not self._per_minute:
            return 0
        with self._lock:
            now, per_second = self._clock(), self._per_minute / 60
            left, then = self._left.pop(address, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - then) * per_second)
            allowed = left >= 1
            self._left[address] = (left - allowed, now)
            while len(self._left) > MOST:
                self._left.pop(next(iter(self._left)))  # the one that came longest ago
            return 0 if allowed else max(1, round((1 - left) / per_second))


def address(request: HttpRequest, proxies: int) -> str:
    """Returns who sent a request: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        request: the request.
        proxies: how many servers in front are believed. Each adds the address that it sees to
            X-Forwarded-For, so that what a client writes there itself is further left.
    """
    seen = request.META.get("REMOTE_ADDR", "")
    forwarded = [a.strip() for a in request.headers.get("X-Forwarded-For", "").split(",")]
    if proxies and forwarded[-1]:
        seen = forwarded[-min(proxies, len(forwarded))]
    try:
        parsed = ipaddress.ip_address(seen)
    except ValueError:
        return seen[:45]
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
