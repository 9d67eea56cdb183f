"""How long to wait before trying again."""

from __future__ import annotations

import random

#: Beyond this the doubling has long met any cap, and a float would soon overflow.
_MAX_DOUBLINGS = 1000


def full_jitter(attempt: int, *, base: float, cap: float, rng: random.Random) -> float:
    """Return the seconds to wait: uniform between 0 and the smaller of `cap` and `base` doubled `attempt` times.

    `attempt` counts from 0, the wait after the first failure. Spreading over the whole interval, rather
    than around its end, is what keeps clients that failed together from returning together.

    Source: Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015, "Full Jitter".
    """
    return rng.uniform(0.0, min(cap, base * 2.0 ** min(attempt, _MAX_DOUBLINGS)))
