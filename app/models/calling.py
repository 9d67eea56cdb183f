"""Calling a model until it answers: attempts, time-outs and waits, decided in one place for all components."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.backoff import full_jitter
from app.errors import ModelError, ModelTimeout, OrchestratorError
from app.models.base import Completion, Model, Prompt
from app.settings import ModelSettings

#: Seconds; a provider that wants more says so in `retry_after`.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 20.0

_log = logging.getLogger(__name__)


class ComponentFault(ModelError):
    """A component raised what it should not: a fault of its own, which a retry does not mend."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: a completion or an error, after `tries` attempts that took `seconds`, waits included."""

    completion: Completion | None
    error: ModelError | None
    tries: int
    seconds: float


async def call(  # the last three are for tests, which have a clock and luck of their own
    model: Model,
    prompt: Prompt,
    *,
    settings: ModelSettings,
    deadline: float | None = None,
    rng: random.Random | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Outcome:
    """Ask `model`, again after a transient error, for at most `settings.attempts` attempts.

    An attempt may take `settings.timeout` seconds, all of it `settings.total_timeout`; nothing goes on past
    `deadline`, which is in the seconds of `clock`. A wait that would end after that is not begun. Raises
    nothing but CancelledError. `tries` is 0 when there was no time left for a first attempt.
    """
    started = clock()
    end = min(started + settings.total_timeout, math.inf if deadline is None else deadline)
    error: ModelError = ModelTimeout("the deadline passed before the call could begin", provider=model.provider)
    tries = 0
    while tries < settings.attempts and (left := end - clock()) > 0:
        tries += 1
        answer = await _attempt(model, prompt, min(settings.timeout, left))
        if isinstance(answer, Completion):
            return Outcome(answer, None, tries, clock() - started)
        error = answer
        if not error.transient or tries == settings.attempts:
            break
        wait = _wait(error, tries, rng or random.Random())  # noqa: S311  # spreads load, guards nothing
        if clock() + wait >= end:
            break
        await sleep(wait)
    return Outcome(None, error, tries, clock() - started)


async def _attempt(model: Model, prompt: Prompt, timeout: float) -> Completion | ModelError:
    try:
        # The component was told the time; this holds it to it.
        async with asyncio.timeout(timeout):
            return await model.complete(prompt, timeout=timeout)
    except ModelError as error:
        return error
    except TimeoutError:
        return ModelTimeout(f"no answer within {timeout:.3g} s", provider=model.provider)
    except Exception as fault:  # noqa: BLE001  # a third party's component must not stop the worker
        return _fault(model, fault)


def _wait(error: ModelError, tries: int, rng: random.Random) -> float:
    # Added to what the provider asks, not the larger of both: it asked everyone for the same moment.
    return (error.retry_after or 0.0) + full_jitter(tries - 1, base=_FIRST_WAIT, cap=_LONGEST_WAIT, rng=rng)


def _fault(model: Model, fault: Exception) -> ComponentFault:
    kind = type(fault).__name__
    # Where it happened helps to mend it; what the exception says may quote a key, and stays out.
    _log.error(
        "model component %s raised %s\n%s", model.provider, kind, "".join(traceback.format_tb(fault.__traceback__))
    )
    said = f": {fault}" if isinstance(fault, OrchestratorError) else ""
    return ComponentFault(f"the {model.provider} component failed with {kind}{said}", provider=model.provider)
