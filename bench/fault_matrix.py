"""The outcome of each provider fault: `python -m bench.fault_matrix`.

Each fault meets each adapter, with whole and with streamed answers: for good, in passing, and in a workflow with
another model to fall back on. The command exits with 1 if a call does not end in time, if a wrong answer passes for
a right one, or if recovery does not work.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import product

from app.cli.event_loop import run
from app.models.base import Prompt
from app.models.calling.call import call
from app.models.outcome import Outcome, Piece
from app.models.registry import build
from app.settings import ModelSettings
from bench.support import fault_workflows
from bench.support.fault_table import FaultOutcome, bad, grid, unrecovered
from testkit.bounded_limiter import BoundedLimiter
from testkit.provider.exchange import ANSWER
from testkit.provider.faults import FAULTS
from testkit.provider.faulty import ALL, FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS, SHORT_TIMEOUTS, model_settings, running_faulty_provider
from topics.model_requests import Message

_PROMPT = Prompt((Message(role="user", content="What does every good answer have?"),))
_MODES = ("whole", "stream")
COLUMNS = tuple(f"{adapter}, {mode}" for adapter, mode in product(ADAPTERS, _MODES))
#: Calls at once: each should wait for its provider, and not for the processor.
_AT_ONCE = 24
_SLACK = 1.0
#: Faults that pass, or that a retry avoids; no retry fixes the others.
PASSING = tuple(fault for fault in FAULTS if fault not in {"healthy", "401", "redirect"})


async def _ignore(_: Piece) -> None:
    """Ignore a piece; only the completion counts."""


async def ask(fault: str, column: str, places: FaultyProviderUrls, *, once: bool) -> FaultOutcome:
    """Make one call, and return how it ended."""
    adapter, mode = column.split(", ")
    root = places.root(fault, once=f"{fault}-{adapter}-{mode}" if once else "")
    settings = ModelSettings.model_validate(model_settings(adapter, root))
    component = build(adapter, settings)
    started = time.monotonic()
    try:
        outcome = await call(
            BoundedLimiter(component, 1), _PROMPT, settings=settings, sink=_ignore if mode == "stream" else None
        )
    finally:
        seconds = time.monotonic() - started
        await component.close()
    return _cell(fault, column, outcome, seconds)


def _cell(fault: str, column: str, outcome: Outcome, seconds: float) -> FaultOutcome:
    text = outcome.completion.text if outcome.completion else None
    code, message = (outcome.error.code, str(outcome.error)) if outcome.error else ("", "")
    return FaultOutcome(
        fault, column, text, code, seconds, SHORT_TIMEOUTS["total_timeout"] + _SLACK, outcome.tries, message
    )


async def direct(places: FaultyProviderUrls, faults: Sequence[str], *, once: bool) -> list[FaultOutcome]:
    """Return how the calls ended, made concurrently."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(fault: str, column: str) -> FaultOutcome:
        async with turns:
            return await ask(fault, column, places, once=once)

    return await asyncio.gather(*(one(fault, column) for fault, column in product(faults, COLUMNS)))


async def main() -> int:
    """Measure, print, and return the exit code."""
    async with running_faulty_provider() as (_, places):
        # The certificates' authority is trusted, so that the expired one fails only because of its date.
        os.environ["SSL_CERT_FILE"] = places.authority
        for adapter in ADAPTERS:  # the first call loads the SDK
            await ask("healthy", f"{adapter}, whole", places, once=False)
        always = await direct(places, ALL, once=False)
        passing = await direct(places, PASSING, once=True)
        relieved = await fault_workflows.measure(places, ALL, COLUMNS)
    parts = {
        "faults": grid(always, ALL, COLUMNS, ANSWER),
        "faults in passing": grid(passing, PASSING, COLUMNS, ANSWER),
        "faults with a fallback": grid(relieved, ALL, COLUMNS, ANSWER),
    }
    for name, part in parts.items():
        print(f"{name}\n\n{part}\n")
    wrong = [*bad(always, ANSWER), *bad(passing, ANSWER), *bad(relieved, ANSWER)]
    wrong += [f"not recovered: {line}" for line in unrecovered([*passing, *relieved], ANSWER)]
    wrong += [f"did not fail: {cell.fault}, {cell.column}" for cell in passing if cell.tries == 1]
    print("\n".join(wrong) or "every call ended in time, by its right answer or a named error")
    return 1 if wrong else 0


if __name__ == "__main__":
    ArgumentParser(description=__doc__).parse_args()
    sys.exit(run(main()))
