"""The gate of a model, put together from its guards as its settings say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.models.base import Model
from app.models.guards.base import Guard
from app.models.guards.breaker import Breaking, Circuit
from app.models.guards.concurrency import Adaptive
from app.models.guards.keys import Keys
from app.models.guards.rate import Rate
from app.models.guards.turnstile import Turnstile
from app.models.pool import members
from app.settings import ModelSettings


def guarded_batches(
    name: str, model: Model, circuit: Circuit, *, now: Callable[[], float] = time.monotonic
) -> Turnstile:
    """Return the gate for the batches of the model called `name`: its breaker, which they share with its calls.

    They go with the first of several keys, of whose limits they are no part.
    """
    return Turnstile(members(model), (Breaking(circuit, name, model.provider),), now=now)


def guarded(
    name: str,
    model: Model,
    settings: ModelSettings,
    circuit: Circuit,
    *,
    callers: Callable[[], int] = lambda: 1,
    now: Callable[[], float] = time.monotonic,
) -> Turnstile:
    """Return the gate of the model called `name`: its breaker, its limits, its bulkhead and its keys, in this order.

    `callers` tells how many workers call the model lately: each takes its part of the limits.
    """
    models = members(model)
    keys = Keys(name, len(models))
    guards: Sequence[Guard] = (
        Breaking(circuit, name, model.provider),
        Rate(settings.limits, lambda: max(1, keys.usable(now())) / callers()),
        Adaptive(settings.max_concurrency),
        keys,
    )
    bound = settings.sampling.get("max_tokens")
    return Turnstile(models, guards, max_tokens=bound if isinstance(bound, int) else None, now=now)
