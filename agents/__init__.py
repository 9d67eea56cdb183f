"""Who moves it: one file for each hop, in the order in which a task meets them; handlers only."""

from __future__ import annotations

#: Every agent, each a module of this package with NAME, TOPIC and `run(stream, parts)`.
ALL = ("route", "retrieve", "join", "call_model", "fuse", "connect", "gather", "signal", "slot", "budget", "ingest")
