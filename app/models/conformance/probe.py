"""Run the conformance checks on a model, for any adapter.

A package with an adapter of its own can run it in its tests; `meta-ai adapters test` runs it on a configured model.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

from app.errors import ModelError
from app.models.base import Model
from app.models.conformance.checks import CheckFailed, ConformanceChecks
from topics.model_requests import Feature

FEATURES: tuple[Feature, ...] = get_args(Feature)


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    `name` is `complete`, `usage`, `features`, `timeout`, `close` or a feature; `error` is the code of the error
    with which it failed.
    """

    name: str
    status: Literal["pass", "fail", "skipped"]
    seconds: float = 0.0
    error: str = ""
    detail: str = ""


async def probe(model: Model, *, timeout: float = 60.0) -> AsyncIterator[Check]:
    """Yield one check after the other, then close the model; each call may take `timeout` seconds.

    If the first call fails, the rest is skipped: most would fail too, and may cost money.
    """
    promises = ConformanceChecks(model, timeout)
    first = await _run_check("complete", promises.complete)
    yield first
    if first.status == "pass":
        yield await _run_check("usage", promises.usage)
        yield await _run_check("features", promises.features)
        for feature in FEATURES:
            if feature in model.features:
                yield await _run_check(feature, getattr(promises, feature))
            else:
                yield Check(feature, "skipped", detail="not among its features")
        yield await _run_check("timeout", promises.short)
    yield await _run_check("close", promises.close)


async def _run_check(name: str, promise: Callable[[], Awaitable[str]]) -> Check:
    started = time.monotonic()
    try:
        detail = await promise()
    except CheckFailed as reason:
        return Check(name, "fail", time.monotonic() - started, "broken", str(reason))
    except ModelError as error:
        return Check(name, "fail", time.monotonic() - started, error.code, str(error))
    except Exception as fault:  # noqa: BLE001  # raising only ModelErrors is one of the promises
        # Not its message, which may quote a key.
        return Check(name, "fail", time.monotonic() - started, "internal", f"raised {type(fault).__name__}")
    return Check(name, "pass", time.monotonic() - started, detail=detail)
