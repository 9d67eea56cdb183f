"""Checks of components: whether one keeps what its port promises. Each room's `conformance` has those of its ports."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from app.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    `name` is that of the promise; `error` is the code of the error with which it failed: `broken` if the promise is
    not kept, `internal` if an exception was raised that no caller expects.
    """

    name: str
    status: Literal["pass", "fail", "skipped"]
    seconds: float = 0.0
    error: str = ""
    detail: str = ""


class CheckFailed(Exception):
    """A promise that is not kept; the message says how."""


def require(kept: object, reason: str) -> None:
    """Raise `CheckFailed` for this reason unless `kept` is true."""
    if not kept:
        raise CheckFailed(reason)


def check_names(suite: type) -> list[str]:
    """Return the names of a suite's checks, which are its public methods, in their order."""
    return [name for name in vars(suite) if not name.startswith("_")]


async def run_checks(suite: object, expected: type[OrchestratorError] = OrchestratorError) -> AsyncIterator[Check]:
    """Yield one check of `suite` after the other; its methods return a note or None, or raise `CheckFailed`."""
    for name in check_names(type(suite)):
        yield await run_check(name, getattr(suite, name), expected)


async def run_check(
    name: str,
    promise: Callable[[], Awaitable[str | None] | str | None],
    expected: type[OrchestratorError] = OrchestratorError,
) -> Check:
    """Return the outcome of one check; errors that are not `expected` are a fault of the component."""
    started = time.monotonic()
    try:
        kept = promise()
        detail = await kept if inspect.isawaitable(kept) else kept
    except CheckFailed as reason:
        return Check(name, "fail", time.monotonic() - started, "broken", str(reason))
    except expected as error:
        return Check(name, "fail", time.monotonic() - started, error.code, str(error))
    except Exception as fault:  # noqa: BLE001  # raising only expected errors is one of the promises
        # Not its message, which may quote a key.
        return Check(name, "fail", time.monotonic() - started, "internal", f"raised {type(fault).__name__}")
    return Check(name, "pass", time.monotonic() - started, detail=detail or "")
