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
from app.workflows.kinds.base import Command, StepContext, Transition
from app.workflows.replacing import replace
from app.workflows.retry_policy import on_failure, on_fallback_ended
from app.workflows.run import WAITING, Response, Run, StepRun, stop_waiting
from app.workflows.scheduling import is_ready, why_skipped
from app.workflows.template_context import item_of
from topics.base import Failure
from topics.signals import Signal

log = logging.getLogger(__name__)

Act = Callable[[StepContext], Transition]


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
        self._responses: deque[Response] = deque()
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
        """Have these steps visited."""
        self._queue.extend(names)

    def touch_all(self) -> None:
        """Have every step visited that could go on: time has passed, or not all of the run was saved."""
        self.touch(*self.definition.order, *sorted(self._active))
        for name in sorted(self._active):
            self.touch(*(item_of(name, index) for index in sorted(self.state(name).live)))

    def receive(self, response: Response) -> None:
        """Give a step the answer to one of its requests."""
        name = response.step
        step, compiled = self.state(name), self.definition.step(name)
        if compiled is None or step.over or response.id not in step.outstanding:
            return
        step = replace(step, outstanding=step.outstanding - {response.id})
        kind = KINDS[compiled.spec.kind]
        self._apply(name, compiled, step, lambda ctx: kind.receive(ctx, response))
        self.touch(name)

    def work(self) -> None:
        """Visit the steps that were touched, and those that they touch, until none is left or the run has failed."""
        while (self._responses or self._queue) and not self.error:
            if self._responses:
                self.receive(self._responses.popleft())
                continue
            name = self._queue.popleft()
            compiled = self.definition.step(name)
            if compiled is not None:
                self._visit(name, compiled)

    def _visit(self, name: str, compiled: CompiledStep) -> None:
        """Do what there is to do for a step now: begin or skip it, let it go on, or end it."""
        step = self.state(name)
        if step.status == "waiting" and is_ready(name, self.definition, self._steps, self._active):
            if why := why_skipped(name, self.definition, self._steps):
                self._put(name, replace(step, status="skipped", started_at=self.now, ended_at=self.now, reason=why))
            else:
                self._apply(name, compiled, self._started(name, compiled, step), _begin)
        elif step.status == "backing_off" and step.wake_at <= self.now:
            self._apply(name, compiled, self._started(name, compiled, step), _begin)
        elif step.status == "running":
            self._apply(name, compiled, step, KINDS[compiled.spec.kind].resume)
        elif step.status == "falling_back":
            self._put(name, on_fallback_ended(self._context(name, compiled, step)))
        step = self.state(name)
        if step.status == "running" and self.now >= step.ends_at:
            self._apply(name, compiled, step, lambda ctx: ctx.failed(ctx.timed_out()))

    def _started(self, name: str, compiled: CompiledStep, step: StepRun) -> StepRun:
        """Return the step at the beginning of an attempt; it ends with the run, or, inside of a map, with the map."""
        base, item, _ = name.partition("[")
        ends_at = min(self.now + compiled.spec.timeout, self.state(base).ends_at if item else self.run.deadline)
        started_at = step.started_at or self.now
        return replace(step, status="running", started_at=started_at, ends_at=ends_at, wake_at=ends_at, error=None)

    def _context(self, name: str, compiled: CompiledStep, step: StepRun) -> StepContext:
        return StepContext(self.run, self._steps, name, step, compiled, self.definition, self.engine, self.now)

    def _apply(self, name: str, compiled: CompiledStep, step: StepRun, act: Act) -> None:
        """Let a step's kind act, and take over the transition: the step's state, its requests, and further steps."""
        ctx = self._context(name, compiled, step)
        try:
            transition = act(ctx)
        except WorkflowError as error:
            transition = ctx.failed(Failure.of(error))
        except Exception as defect:  # a step may fail, but a run must end, whatever is wrong
            log.exception("a defect in step %s of the run %s", name, self.run.task_id)
            transition = ctx.failed(Failure(code="internal", message=f"{type(defect).__name__} in step {name}"))
        step = transition.step
        if step.status == "failed":
            step = on_failure(replace(ctx, step=step))
        else:
            self._send(transition.commands)
            # The answers of batches that the step asked for before a crash, and would only ask for later now.
            for request_id in sorted(self._early.keys() & step.promised.keys()):
                self._responses.append(self._early.pop(request_id).received)
        for other, state in transition.steps.items():
            self._steps[other] = state
            self.touch(other)
        self._put(name, step)

    def _send(self, commands: Sequence[Command]) -> None:
        """Send requests, but for those whose answers are there already."""
        for command in commands:
            early = self._early.pop(getattr(command, "id", ""), None) if self._early else None
            if early:
                self._responses.append(early.received)
            else:
                self.commands.append(command)

    def _put(self, name: str, step: StepRun) -> None:
        """Set a step's state, and touch what waits for it."""
        before = self.state(name)
        if step is before:
            return
        if step.outstanding and step.status != "running":
            step = stop_waiting(step)
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
            self._touch_followers(name, step)

    def _touch_followers(self, name: str, step: StepRun) -> None:
        """Touch what waits for a step that is over; a failure that the run cannot do without ends the turn."""
        if self._early:
            self._early = {id_: early for id_, early in self._early.items() if early.received.step != name}
        base, item, _ = name.partition("[")
        if item:
            self.touch(base)
            return
        self.touch(*sorted(self.definition.stand_ins.get(name, ())))
        self._touch_stand_in(name)
        self.touch(*self.definition.followers[name])
        # A stand-in that fails makes those fail that it stands in for, and they say whether the run can do without.
        optional = self.definition.spec.steps[name].optional or name in self.definition.stand_ins
        if step.status == "failed" and not optional:
            self.error = step.error

    def _touch_stand_in(self, name: str) -> None:
        """Touch the step that stands in for this one, which has failed, or is over without it."""
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
            self._steps[item] = stop_waiting(failed)


def _begin(ctx: StepContext) -> Transition:
    """Begin a step, unless its condition does not hold."""
    when = ctx.compiled.expressions.get("when")
    if when is not None and not holds(when, ctx.context()):
        return Transition(replace(ctx.step, status="skipped", ended_at=ctx.now, reason=f"not {when.source}"))
    return KINDS[ctx.spec.kind].begin(ctx)
