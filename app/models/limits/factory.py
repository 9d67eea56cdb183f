"""The limiter of a model, put together from its guards as its settings say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.models.base import BATCH_CALLS, Model
from app.models.capacity import capacity_of
from app.models.limits.admission_queue import AdmissionQueue
from app.models.limits.api_keys import KeyRotation
from app.models.limits.base import Guard
from app.models.limits.breaker import BreakerGuard, Circuit
from app.models.limits.concurrency import AdaptiveConcurrency
from app.models.limits.rate_limit import RateLimit
from app.models.pool import members
from app.settings import ModelSettings


def build_batch_limiter(
    name: str, model: Model, circuit: Circuit, *, now: Callable[[], float] = time.monotonic
) -> AdmissionQueue:
    """Return the limiter for the batches of the model called `name`: its breaker, which they share with its calls.

    They use the first of several keys, do not count towards its limits, and are few at once: their files are large.
    """
    return AdmissionQueue(
        members(model), (BreakerGuard(circuit, name, model.provider), AdaptiveConcurrency(BATCH_CALLS)), now=now
    )


def build_limiter(
    name: str,
    model: Model,
    settings: ModelSettings,
    circuit: Circuit,
    *,
    callers: Callable[[], int] = lambda: 1,
    now: Callable[[], float] = time.monotonic,
) -> AdmissionQueue:
    """Return the limiter of the model called `name`: its breaker, its limits, its bulkhead and its keys, in this order.

    `callers` returns how many workers have called the model recently: each takes its share of the limits. The model's
    own capacity is a bound too, whatever the settings say: more calls would wait inside it while their time runs.
    """
    models = members(model)
    capacities = [capacity_of(one) for one in models]
    keys = KeyRotation(name, capacities=capacities)
    guards: Sequence[Guard] = (
        BreakerGuard(circuit, name, model.provider),
        RateLimit(settings.limits, lambda: max(1, keys.usable(now())) / callers()),
        AdaptiveConcurrency(settings.max_concurrency),
        keys,
    )
    bound = settings.sampling.get("max_tokens")
    limiter = AdmissionQueue(models, guards, max_tokens=bound if isinstance(bound, int) else None, now=now)
    for capacity in filter(None, capacities):
        capacity.on_release(limiter.advance)
    return limiter
