"""One turn of the engine: what has happened to some steps spreads to those that wait for them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

from app.errors import WorkflowError
from app.workflows.child_workflows import cancellation
from app.workflows.conditions import holds
from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.definitions import Definition
from app.workflows.engine_context import EngineContext
from app.workflows.kinds import KINDS
from app.workflows.kinds.base import Command, StepContext, StepKind, Transition
from app.workflows.replacing import replace
from app.workflows.retry_policy import on_failure, on_fallback_ended
from app.workflows.run import WAITING, Response, Run, StepRun, without_waiting
from app.workflows.scheduling import is_ready, why_skipped
from app.workflows.template_context import item_of
from topics.base import Failure
from topics.signals import Signal

log = logging.getLogger(__name__)

Act = Callable[[StepKind, StepContext], Transition]


class Turn:
    """Works on a copy of a run's steps; `result` is the run afterwards, `commands` what is to be sent.

    `error` is set when a step failed that the run cannot do without; `child_cancellations` go to children that nobody
    waits for any more, whatever becomes of the run.
    """

    def __init__(self, run: Run, definition: Definition, engine: EngineContext, now: float) -> None:
        self.run = run
        self.definition = definition
        self.engine = engine
        self.now = now
        self.commands: list[Command] = []
        self.child_cancellations: list[Signal] = []
        self.error: Failure | None = None
        self._steps = dict(run.steps)
        self._active = dict(run.active)
        self._early = dict(run.early)
        self._facts: deque[Response] = deque()
        self._queue = deque(() if run.steps else definition.order)
        self._changed = False

    def result(self) -> Run:
        """Return the run as it is now."""
        if not self._changed:
            return self.run
        early = self._early if self._early != self.run.early else self.run.early  # the same is not written again
        return replace(self.run, steps=self._steps, active=self._active, early=early)

    def state(self, name: str) -> StepRun:
        """Return the state of a step."""
        return self._steps.get(name, WAITING)

    def touch(self, *names: str) -> None:
        """Have these steps looked at."""
        self._queue.extend(names)

    def touch_all(self) -> None:
        """Have every step looked at that could go on: time has passed, or not all of the run was saved."""
        self.touch(*self.definition.order, *sorted(self._active))
        for name in sorted(self._active):
            self.touch(*(item_of(name, index) for index in sorted(self.state(name).live)))

    def receive(self, received: Response) -> None:
        """Give a step the answer to one of its requests."""
        name = received.step
        step, part = self.state(name), self.definition.part(name)
        if part is None or step.over or received.id not in step.outstanding:
            return
        step = replace(step, outstanding=step.outstanding - {received.id})
        self._move(name, part, lambda kind, at: kind.receive(at, received), step)
        self.touch(name)

    def work(self) -> None:
        """Look at all that was touched, and at what that touches in turn."""
        while (self._facts or self._queue) and not self.error:
            if self._facts:
                self.receive(self._facts.popleft())
                continue
            name = self._queue.popleft()
            part = self.definition.part(name)
            if part is not None:
                self._look(name, part)

    def _look(self, name: str, part: CompiledStep) -> None:
        step = self.state(name)
        if step.status == "waiting":
            self._start(name, part, step)
        elif step.status == "backing_off" and step.wake_at <= self.now:
            self._begin(name, part, step)
        elif step.status == "running":
            self._move(name, part, lambda kind, at: kind.settle(at), step)
        elif step.status == "falling_back":
            self._put(name, on_fallback_ended(self._moment(name, part, step)))
        step = self.state(name)
        if step.status == "running" and self.now >= step.ends_at:
            self._move(name, part, lambda _, at: at.failed(at.timed_out()), step)

    def _start(self, name: str, part: CompiledStep, step: StepRun) -> None:
        """Begin, or skip, a step for which it is time."""
        base, item, _ = name.partition("[")
        if item:
            if self.state(base).status == "running":
                self._begin(name, part, step)
        elif is_ready(name, self.definition, self._steps, self._active):
            if why := why_skipped(name, self.definition, self._steps):
                self._put(name, replace(step, status="skipped", started_at=self.now, ended_at=self.now, reason=why))
            else:
                self._begin(name, part, step)

    def _begin(self, name: str, part: CompiledStep, step: StepRun) -> None:
        ends_at = min(self.now + part.spec.timeout, self._latest(name))
        step = replace(
            step,
            status="running",
            started_at=step.started_at or self.now,
            ends_at=ends_at,
            wake_at=ends_at,
            error=None,
        )
        self._move(name, part, _begin, step)

    def _latest(self, name: str) -> float:
        """Return when a step must be over: with the run, or, inside of a map, with the map."""
        base, item, _ = name.partition("[")
        return self.state(base).ends_at if item else self.run.deadline

    def _moment(self, name: str, part: CompiledStep, step: StepRun) -> StepContext:
        return StepContext(self.run, self._steps, name, step, part, self.definition, self.engine, self.now)

    def _move(self, name: str, part: CompiledStep, act: Act, step: StepRun) -> None:
        """Let a step's kind act, and take what follows from it."""
        at = self._moment(name, part, step)
        try:
            move = act(KINDS[part.spec.kind], at)
        except WorkflowError as error:
            move = at.failed(Failure.of(error))
        except Exception as defect:  # a step may fail, but a run must end, whatever is wrong
            log.exception("a defect in step %s of the run %s", name, self.run.task_id)
            move = at.failed(Failure(code="internal", message=f"{type(defect).__name__} in step {name}"))
        step = move.step
        if step.status == "failed":
            step = on_failure(replace(at, step=step))
        else:
            self._send(move.commands)
            self._redeem(step)
        for other, state in move.steps.items():
            self._steps[other] = state
            self.touch(other)
        self._put(name, step)

    def _send(self, commands: Sequence[Command]) -> None:
        """Send requests, but for those whose answers are there already."""
        for command in commands:
            early = self._early.pop(getattr(command, "id", ""), None) if self._early else None
            if early:
                self._facts.append(early.received)
            else:
                self.commands.append(command)

    def _redeem(self, step: StepRun) -> None:
        """Take the answers that are there for which a step would ask later: it had asked before a crash."""
        for request_id in sorted(self._early.keys() & step.promised.keys()):
            self._facts.append(self._early.pop(request_id).received)

    def _put(self, name: str, step: StepRun) -> None:
        """Set a step's state, and touch what waits for it."""
        before = self.state(name)
        if step is before:
            return
        if step.outstanding and step.status != "running":
            step = without_waiting(step)
        self._changed = True
        self._steps[name] = step
        if step.active:
            self._active[name] = step.wake_at
        else:
            self._active.pop(name, None)
        if step.live and step.status != "running":
            self._abandon_items(name, step)
        if step.status == "falling_back":
            self._touch_stand_in(name)
        if step.over and not before.over:
            self._over(name, step)

    def _over(self, name: str, step: StepRun) -> None:
        if self._early:
            self._early = {id_: early for id_, early in self._early.items() if early.received.step != name}
        base, item, _ = name.partition("[")
        if item:
            self.touch(base)
            return
        self.touch(*sorted(self.definition.stand_ins.get(name, ())))
        self._touch_stand_in(name)
        self.touch(*self.definition.followers[name])
        # What stands in for others fails them, and they say whether the run can do without.
        optional = self.definition.spec.steps[name].optional or name in self.definition.stand_ins
        if step.status == "failed" and not optional:
            self.error = step.error

    def _touch_stand_in(self, name: str) -> None:
        """Have the step looked at that stands in for this one, which has failed, or is over without."""
        fallback = self.definition.spec.steps[name].fallback
        if fallback and fallback.step:
            self.touch(fallback.step)

    def _abandon_items(self, name: str, step: StepRun) -> None:
        """End the items of a map that is over before them, or has failed."""
        for item in [item_of(name, index) for index in sorted(step.live)]:
            if self.state(item).over:
                continue
            self.child_cancellations.extend(cancellation(self.run, self.definition, item, self.state(item)))
            self._active.pop(item, None)
            error = Failure(code="cancelled", message=f"the map {name} was over")
            failed = replace(self.state(item), status="failed", ended_at=self.now, error=error)
            self._steps[item] = without_waiting(failed)


def _begin(kind: StepKind, at: StepContext) -> Transition:
    """Begin a step, unless its condition says otherwise."""
    when = at.part.expressions.get("when")
    if when is not None and not holds(when, at.context()):
        return Transition(replace(at.step, status="skipped", ended_at=at.now, reason=f"not {when.source}"))
    return kind.begin(at)
