"""The port of the checks, and what they look at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from app.client.client import Client
from app.settings import Settings

Severity = Literal["ok", "warning", "error"]
#: How bad each is.
ORDER: dict[Severity, int] = {"ok": 0, "warning": 1, "error": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found about `subject`; an error is something broken. `fix` says what to do, in one line."""

    check: str
    severity: Severity
    subject: str
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is to look at; without a `client`, no broker can be reached, and `unreachable` says why.

    `http` is host:port of a worker's health pages. With `offline`, nothing but the broker and the worker is called.
    """

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    folder: Path = Path()
    client: Client | None = None
    unreachable: str = ""
    http: str = ""
    offline: bool = False
    timeout: float = 20.0
    now: Callable[[], float] = time.time


class Check(Protocol):
    """A check: its `name`, and what it needs to be of use."""

    name: str
    needs_broker: bool
    needs_network: bool

    def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield what there is to say; an `OrchestratorError` is an error of its own."""
        ...
