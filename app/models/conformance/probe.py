"""Run the conformance checks on a model, for any adapter.

A package with an adapter of its own can run it in its tests; `meta-ai adapters test` runs it on a configured model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

from app.conformance import Check, run_check
from app.errors import ModelError
from app.models.base import Model
from app.models.conformance.checks import ConformanceChecks
from app.models.pool import build, members
from app.settings import ModelSettings
from topics.model_requests import Feature

FEATURES: tuple[Feature, ...] = get_args(Feature)


async def probe(model: Model, *, timeout: float = 60.0) -> AsyncIterator[Check]:
    """Yield one check after the other, then close the model; each call may take `timeout` seconds.

    A check is named `complete`, `usage`, `features`, `timeout`, `close`, or after a feature.
    If the first call fails, the rest is skipped: most would fail too, and may cost money.
    """
    promises = ConformanceChecks(model, timeout)
    first = await run_check("complete", promises.complete, ModelError)
    yield first
    if first.status == "pass":
        yield await run_check("usage", promises.usage, ModelError)
        yield await run_check("features", promises.features, ModelError)
        for feature in FEATURES:
            if feature in model.features:
                yield await run_check(feature, getattr(promises, feature), ModelError)
            else:
                yield Check(feature, "skipped", detail="not among its features")
        yield await run_check("timeout", promises.short, ModelError)
    yield await run_check("close", promises.close, ModelError)


async def ask_once(name: str, settings: ModelSettings, timeout: float) -> Check:
    """Return whether the model of these settings answers one small call, with the first of its keys.

    Raises:
        ConfigurationError: the settings are not those of a model.
    """
    first, *others = members(build(name, settings))
    try:
        return await run_check("complete", ConformanceChecks(first, timeout).complete, ModelError)
    finally:
        for one in (first, *others):
            await one.close()
