"""The view models of a run: steps in order of start, with every request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Result
from topics.retrieval_results import PlannedChunk

Status = Literal["running", "succeeded", "failed", "cancelled"]
Work = Literal["retrieval", "model", "fusion", "connector", "workflow"]


class View(BaseModel):
    """The base of the view models; `--json` prints them."""

    model_config = ConfigDict(frozen=True)


class AttemptView(View):
    """One request and its answer.

    `number` is that of the step's attempt, and `repair` counts re-asks after an answer that did not fit its schema.
    `at` and `until` are when request and answer were written to their topics; `seconds` is how long the work itself
    took. An answer is `late` if the step no longer waited for it; a request without an answer is `awaited` while the
    step runs; `batch` marks a request to a batch API. `name` is a model, a connector, a collection, or the id of a
    child run. `repaired` names what was repaired in the provider's answer.
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
    plan: tuple[PlannedChunk, ...] = ()
    error: Failure | None = None
    text: str = ""
    repaired: tuple[str, ...] = ()


class StepView(View):
    """A step, or one item of a map, which is named `step[3]`.

    `status` is that of the result or the state; `waits` says what a running step waits for, other than requests.
    A step whose start is not recorded has no times.
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
        """Whether this is one item of a map."""
        return self.name.endswith("]")

    @property
    def base(self) -> str:
        """The name of the step in the workflow; for an item, that of its map."""
        return self.name.partition("[")[0]

    @property
    def index(self) -> int:
        """The index of an item in its map, from 0; -1 for any other step."""
        number = self.name.partition("[")[2].removesuffix("]")
        return int(number) if number.isdecimal() else -1


class SignalView(View):
    """A signal, and when it was received."""

    kind: str
    name: str
    actor: str
    at: AwareDatetime


class RunView(View):
    """The whole run; `at` is when it was read."""

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
        """When the run ended; `at` while it runs."""
        return self.result.finished_at if self.result else self.at

    @property
    def usage(self) -> Usage:
        """The usage so far."""
        if self.result:
            return self.result.usage
        return sum((attempt.usage for step in self.steps for attempt in step.attempts), Usage())


def utc_time(epoch: float) -> datetime | None:
    """Return the time `epoch` seconds after 1970; None for 0 and for times that `datetime` cannot represent."""
    try:
        return datetime.fromtimestamp(epoch, UTC) if epoch else None
    except (ValueError, OverflowError, OSError):
        return None


def readable_wait(waits: str) -> str:
    """Return `waits` in the words for people; those of `--json` are a contract and stay."""
    return waits.replace("its turn", "a slot")
