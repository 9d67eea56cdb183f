"""The cost of the engine itself, without a broker: `python -m bench.engine`.

Runs are driven through `advance` as the stateful agents drive them, and every answer is there at once. In the first
table, p50 and p99 are those of `advance` for one event, and the processor time is that of whole runs, for each
step. The second table counts what is written if each event is written by itself: the records that changed, beside
all records of the run.
"""

from __future__ import annotations

import gc
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from bench.support.engine_run import EngineRun, WrittenBytes, run_engine
from bench.support.figures import percentile, table
from topics.tasks import Task

_KIB = 1024
_SHORT, _LONG = "Yes.", "x" * 20 * _KIB
_ASK: Mapping[str, Any] = {"kind": "ask", "models": ["small"], "prompt": "{{ input.question }}"}
_TIMES = ("shape", "steps", "compiled ms", "events", "p50 µs", "p99 µs", "CPU a step µs", "by the first")
_BYTES = ("shape", "steps", "written a step KiB", "whole each time KiB", "times as much", "state KiB", "p50 µs")


def chain(steps: int) -> dict[str, Any]:
    """Return steps that each wait for the previous one."""
    return {f"s{at}": {**_ASK, "after": [f"s{at - 1}"] if at else []} for at in range(steps)}


def fan(steps: int) -> dict[str, Any]:
    """Return steps that all start at once, and a last one that waits for all others."""
    names = [f"s{at}" for at in range(steps - 1)]
    return {**dict.fromkeys(names, _ASK), "last": {**_ASK, "after": names}}


def mapped(_: int) -> dict[str, Any]:
    """Return one step that runs for each item of the input, eight at once."""
    return {"all": {"kind": "map", "over": "input.items", "step": {**_ASK, "prompt": "{{ item }}"}}}


SHAPES: Mapping[str, Callable[[int], dict[str, Any]]] = {"chain": chain, "fan": fan, "map": mapped}


@dataclass(frozen=True, slots=True)
class Case:
    """A compiled workflow of this many steps; `seconds` is how long compiling took."""

    shape: str
    steps: int
    definitions: Definitions
    seconds: float

    @classmethod
    def of(cls, shape: str, steps: int) -> Case:
        """Return the case of one of `SHAPES`."""
        spec = Workflow.model_validate({"id": shape, "deadline": 3600.0, "steps": SHAPES[shape](steps)})
        begun = time.process_time()
        definitions = Definitions([spec])
        return cls(shape, steps, definitions, time.process_time() - begun)

    def life(self, number: int, text: str, written: WrittenBytes | None = None) -> EngineRun:
        """Run it once."""
        items = [f"Why {at}?" for at in range(self.steps)] if self.shape == "map" else []
        task = Task(id=f"{self.shape}-{number}", workflow=self.shape, input={"question": "Why?", "items": items})
        return run_engine(self.definitions, task, text=text, written=written)

    def times(self, events: int) -> list[float]:
        """Return the columns of its times, over at least this many events; the last is microseconds per step."""
        lives = [self.life(run, _SHORT) for run in range(ceil(events / (self.steps + 1)))]
        times = [1e6 * seconds for life in lives for seconds in life.seconds]
        a_step = 1e6 * sum(life.processor for life in lives) / len(lives) / self.steps
        return [1e3 * self.seconds, len(times), percentile(times, 0.5), percentile(times, 0.99), a_step]

    def bytes(self) -> list[float]:
        """Return the columns of the bytes written for one run, whose models answer 20 KiB each."""
        written = WrittenBytes()
        self.life(0, _LONG, written)
        changed, whole = (sum(sizes) / self.steps / _KIB for sizes in (written.changed, written.whole))
        return [changed, whole, whole / changed, written.whole[-1] / _KIB, 1e6 * percentile(written.seconds, 0.5)]


def main(options: Namespace) -> None:
    """Measure, and print both tables."""
    for shape in SHAPES:  # everything is imported before timing starts
        Case.of(shape, 2).life(0, _SHORT)
    gc.freeze()
    cases = {shape: [Case.of(shape, steps) for steps in options.steps] for shape in SHAPES}
    times = {shape: [case.times(options.events) for case in of_shape] for shape, of_shape in cases.items()}
    rows = [
        [case.shape, case.steps, *columns, columns[-1] / times[shape][0][-1]]
        for shape, of_shape in cases.items()
        for case, columns in zip(of_shape, times[shape], strict=True)
    ]
    print(table(_TIMES, rows), end="\n\n")
    print(table(_BYTES, [[one.shape, one.steps, *one.bytes()] for of_shape in cases.values() for one in of_shape]))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--events", type=int, default=2000, help="how many are timed at least, for each row")
    main(parser.parse_args())
