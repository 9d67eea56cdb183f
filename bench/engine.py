"""What the engine itself costs, without a broker: `python -m bench.engine`.

Runs are driven through `advance` as the deciders drive them, and every answer is there at once. What is timed is
`advance` alone, event by event. What would be written is counted after each event, as if none were written
together: the records that changed, beside all records of the run.
"""

from __future__ import annotations

import gc
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.workflows.definitions import Definitions
from app.workflows.spec import Workflow
from bench.engine_life import Life, live
from bench.figures import percentile, table

_KIB = 1024
_TEXT = "x" * 20 * _KIB
_SHORT = "Yes."

_ASK: Mapping[str, Any] = {"kind": "ask", "models": ["small"], "prompt": "{{ input.question }}"}
_COLUMNS = ("shape", "steps", "events", "p50 µs", "p99 µs", "a step µs", "× 10 steps", "compiled ms")
_BYTES = ("shape", "steps", "written a step KiB", "whole state each time KiB", "times as much", "state KiB")


def chain(steps: int) -> dict[str, Any]:
    """Return a workflow in which each step waits for the one before."""
    first: dict[str, Any] = {"s0": _ASK}
    return {"id": "chain", "steps": first | {f"s{at}": {**_ASK, "after": [f"s{at - 1}"]} for at in range(1, steps)}}


def fan(steps: int) -> dict[str, Any]:
    """Return a workflow whose steps all begin at once, and whose last one waits for all others."""
    names = [f"s{at}" for at in range(steps - 1)]
    return {"id": "fan", "steps": {**dict.fromkeys(names, _ASK), "last": {**_ASK, "after": names}}}


def mapped(steps: int) -> dict[str, Any]:
    """Return a workflow of one map with so many items, eight of them at once."""
    return {"id": "map", "steps": {"all": {"kind": "map", "over": "input.items", "step": {**_ASK, "prompt": "{{ item }}"}}}}


SHAPES: Mapping[str, Callable[[int], dict[str, Any]]] = {"chain": chain, "fan": fan, "map": mapped}


def lives(shape: str, steps: int, text: str, runs: int) -> Iterator[Life]:
    """Yield the lives of so many runs of this shape, whose models all answer `text`."""
    workflow = Workflow.model_validate({"deadline": 3600, **SHAPES[shape](steps)})
    definitions = Definitions([workflow])
    question = {"question": "Why?", "items": [f"item {at}" for at in range(steps)] if shape == "map" else []}
    for number in range(runs):
        yield live(definitions, workflow.id, f"{shape}-{number}", question, text)


def speed(shape: str, steps: int, least: int, before: float | None) -> list[Any]:
    """Return a row: of at least `least` events, the time of one, and the whole time of a run for each step."""
    found = list(lives(shape, steps, _SHORT, max(1, least // (steps + 1))))
    times = [seconds for life in found for seconds in life.seconds]
    a_step = 1e6 * sum(times) / len(found) / steps
    ...
