"""Whether the clocks agree: that of this machine, those of who writes events, and those of the providers."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from app.admin.doctor.base import Examination, Finding
from app.client.client import Client
from topics import CONSUMED

#: Seconds. Deadlines, budgets and the times of events are off by as much.
TOLERATED = 5.0
_FIX = "have NTP set the clocks: timedatectl, or chronyc tracking"


class Clock:
    """Compares the clock here with the newest events, and with what HTTP servers of the models answer."""

    name = "clock"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield the clocks that differ, or else that none does."""
        differing = 0
        if examined.client and (ahead := await _newest(examined.client) - examined.now()) > TOLERATED:
            differing += 1
            message = (
                f"the newest events are of {ahead:.0f} s in the future: the clock here is slow, or another is fast"
            )
            yield Finding(self.name, "error", "events", message, _FIX)
        for server in () if examined.offline else _servers(examined):
            skew = await asyncio.to_thread(_skew, server, examined)
            if skew is not None and abs(skew) > TOLERATED:
                differing += 1
                message = f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the clock here"
                yield Finding(self.name, "warning", server, message, _FIX)
        if not differing:
            yield Finding(self.name, "ok", "clock", "no clock is seen to differ")


def _servers(examined: Examination) -> list[str]:
    return sorted({model.base_url for model in examined.settings.models.values() if model.base_url})


def _skew(server: str, examined: Examination) -> float | None:
    """Return how far the clock of an HTTP server is ahead, in seconds; None if it does not tell."""
    parts = urlsplit(server)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=examined.timeout)
        try:
            connection.request("HEAD", "/")  # without a key, whatever it answers
            date = connection.getresponse().getheader("Date")
        finally:
            connection.close()
        return parsedate_to_datetime(date).timestamp() - examined.now() if date else None
    except (OSError, http.client.HTTPException, ValueError):
        return None  # whether it answers at all is the check of the models


async def _newest(client: Client) -> float:
    """Return the time of the newest event, in seconds."""
    newest = 0.0
    bounds = {place: span for place, span in (await client.bounds(CONSUMED)).items() if span.end > span.begin}
    if not bounds:
        return newest
    async with client.consumer() as consumer:
        consumer.assign([*bounds])
        for place, span in bounds.items():
            consumer.seek(place, span.end - 1)
        left = {*bounds}
        until = asyncio.get_running_loop().time() + TOLERATED
        while left and asyncio.get_running_loop().time() < until:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                newest = max(newest, *(record.timestamp / 1000 for record in records))
                left.discard(place)
    return newest
