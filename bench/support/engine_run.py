"""Drive one run through the engine from its task to its result, with immediate answers."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from app.workflows.definition.definitions import Definitions
from app.workflows.engine import EngineInput, TaskReceived, advance
from app.workflows.engine_context import EngineContext
from app.workflows.records import Records, records
from app.workflows.run import RunState
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage
from topics.results import Result
from topics.tasks import Task

_BEGUN = 1_700_000_000.0
_PAUSE = 0.001
_USAGE = Usage(input_tokens=600, output_tokens=12)


class RunFailed(Exception):
    """A run did not succeed, so its figures are meaningless."""


@dataclass(slots=True)
class WrittenBytes:
    """The bytes written for a run, in keys and values, if each event is written separately.

    After each event but the last: `changed` are the records that it changed, `whole` all records of the run.
    `seconds` is how long finding and encoding the changed ones took.
    """

    changed: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)

    def take(self, key: str, state: RunState | None, before: RunState | None) -> None:
        """Count the changes of one event."""
        begun = time.perf_counter()
        found = records(key, state, before)
        self.seconds.append(time.perf_counter() - begun)
        sizes = _sizes(found)
        self._sizes |= sizes
        self.changed.append(sum(sizes.values()))
        self.whole.append(sum(self._sizes.values()))


@dataclass(slots=True)
class EngineRun:
    """What a run has cost.

    `seconds` are those that `advance` took, event by event, and `processor` the processor time of the whole, the
    making of the answers included. (A clock of processor time can take too long for single events.)
    """

    result: Result
    seconds: list[float]
    processor: float


def run_engine(definitions: Definitions, task: Task, *, text: str, written: WrittenBytes | None = None) -> EngineRun:
    """Run a task whose models all answer `text`; what it writes is counted in `written`.

    Raises:
        RunFailed: it failed, or waits for something that never happens.
    """
    engine, now = EngineContext(definitions), _BEGUN
    state: RunState | None = None
    seconds: list[float] = []
    since = time.process_time()
    events = deque[EngineInput]([TaskReceived(str(task.id), task)])
    while events:
        event, before, now = events.popleft(), state, now + _PAUSE
        begun = time.perf_counter()
        state, commands = advance(before, event, engine, now)
        seconds.append(time.perf_counter() - begun)
        for command in commands:
            if isinstance(command, Result):
                return EngineRun(_good(command), seconds, time.process_time() - since)
            if isinstance(command, ModelRequest):
                events.append(answer(command, text))
        if written:
            written.take(str(task.id), state, before)
    raise RunFailed(f"{task.id} waits for something that never happens")


def answer(request: ModelRequest, text: str) -> ModelResponse:
    """Return a model's answer to `request`."""
    return ModelResponse(
        id=request.id,
        task_id=request.task_id,
        step=request.step,
        branch=request.branch,
        model=request.model,
        text=text,
        usage=_USAGE,
    )


def _good(result: Result) -> Result:
    if result.status != "succeeded":
        raise RunFailed(f"{result.task_id} has {result.status}: {result.error}")
    return result


def _sizes(found: Records) -> dict[str, int]:
    return {name: len(name) + len(value or b"") for name, value in found}
