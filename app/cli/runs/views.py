"""A run as it is shown: steps in order of their start, with every request that was made for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Result

Status = Literal["running", "succeeded", "failed", "cancelled"]
Work = Literal["retrieval", "model", "fusion", "connector", "workflow"]


class View(BaseModel):
    """The base of what is shown; as JSON it is what programs get."""

    model_config = ConfigDict(frozen=True)


class AttemptView(View):
    """One request, and what was answered.

    `number` is that of the step's attempt, and `repair` counts the questions after an answer that did not fit.
    `at` and `until` are when request and answer were put on their topics; `seconds` is what the work itself took.
    An answer is `late` when the step did not wait for it any more; a request without an answer is `awaited`
    while the step runs; one with `batch` may wait. `name` is a model, a connector, a collection, or the id of a
    child run.
    """

    id: str
    work: Work
    name: str
    branch: str = ""
    number: int = 1
    repair: int = 0
    at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    seconds: float | None = None
    awaited: bool = False
    late: bool = False
    chosen: bool = False
    cached: bool = False
    batch: bool = False
    tries: int = 1
    usage: Usage = Usage()
    finish_reason: str = ""
    found: int | None = None
    error: Failure | None = None
    text: str = ""


class StepView(View):
    """A step, or one item of a map, which is named `step[3]`.

    `status` is that of the result or the state; `waits` says what a running step waits for, where it is no
    request. The times of a step whose beginning is not recorded are absent.
    """

    name: str
    kind: str = ""
    status: str = "running"
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    seconds: float | None = None
    number: int = 1
    reason: str = ""
    waits: str = ""
    usage: Usage = Usage()
    error: Failure | None = None
    attempts: tuple[AttemptView, ...] = ()

    @property
    def item(self) -> bool:
        """Whether it is one item of a map."""
        return self.name.endswith("]")

    @property
    def base(self) -> str:
        """The name of the step in the workflow: of an item, that of its map."""
        return self.name.partition("[")[0]

    @property
    def index(self) -> int:
        """The place of an item in its map, from 0; -1 for what is none."""
        number = self.name.partition("[")[2].removesuffix("]")
        return int(number) if number.isdecimal() else -1


class SignalView(View):
    """A signal, and when it came."""

    kind: str
    name: str
    actor: str
    at: AwareDatetime


class RunView(View):
    """The whole run; `at` is when it was looked at."""

    task_id: str
    workflow: str
    version: int = 0
    status: Status
    waits: str = ""
    accepted_at: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    parent: str = ""
    at: AwareDatetime
    steps: tuple[StepView, ...] = ()
    signals: tuple[SignalView, ...] = ()
    result: Result | None = None

    @property
    def until(self) -> datetime:
        """When it ended, or else now."""
        return self.result.finished_at if self.result else self.at

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        if self.result:
            return self.result.usage
        return sum((attempt.usage for step in self.steps for attempt in step.attempts), Usage())


def utc_time(epoch: float) -> datetime | None:
    """Return the time that is `epoch` seconds after 1970; none for 0, or for what no calendar has."""
    try:
        return datetime.fromtimestamp(epoch, UTC) if epoch else None
    except (ValueError, OverflowError, OSError):
        return None
