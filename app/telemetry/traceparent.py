"""The `traceparent` header of W3C Trace Context: version, trace, span and flags in hexadecimal."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


class TraceParent(NamedTuple):
    """The content of a valid header; ids are hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool


def parse(header: str | None) -> TraceParent | None:
    """Parse the header; None if it is absent or invalid.

    https://www.w3.org/TR/trace-context/: a later version may carry more, version 00 may not.
    """
    found = _FORM.fullmatch(header or "")
    if not found or (found[1] == "00" and found[5]):
        return None
    return TraceParent(found[2], found[3], bool(int(found[4], 16) & _SAMPLED))


def render(trace_id: str, span_id: str, *, sampled: bool) -> str:
    """Return the header in version 00."""
    return f"00-{trace_id}-{span_id}-{sampled:02x}"


def child_traceparent(header: str | None) -> str:
    """Return a header with a new span, in the trace of `header` or else in a new one.

    A new trace is marked as sampled; otherwise everyone downstream would not record it.
    """
    parent = parse(header)
    trace_id, sampled = (parent.trace_id, parent.sampled) if parent else (secrets.token_hex(16), True)
    return render(trace_id, secrets.token_hex(8), sampled=sampled)
