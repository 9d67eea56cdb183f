"""One turn of the engine: what has happened to some steps spreads to those that wait for them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence

from app.backoff import full_jitter
from app.errors import WorkflowError
from app.workflows.conditions import holds
from app.workflows.context import context, item_of
from app.workflows.definitions import Definition
from app.workflows.family import cancellation
from app.workflows.kinds import KINDS
from app.workflows.kinds.base import Command, Kind, Moment, Move
from app.workflows.parts import Part
from app.workflows.replacing import replace
from app.workflows.run import WAITING, Fact, Run, StepRun, without_waiting
from app.workflows.world import World
from topics.base import Failure
from topics.signals import Signal

_ACTIVE = frozenset({"running", "backing_off", "falling_back"})

#: Errors that may pass by themselves, where a step's `retry` does not name others.
PASSING = frozenset(
    {
        "timeout",
        "rate_limited",
        "overloaded",
        "unavailable",
        "retrieval",
        "connector_unavailable",
        "deadline_exceeded",
        "invalid_output",
        "quorum_not_met",
        "internal",
    }
)


Act = Callable[[Kind, Moment], Move]


class Turn:
    """Works on a copy of a run's steps; `result` is the run afterwards, `commands` what is to be sent.

    `error` is set when a step failed that the run cannot do without; `farewells` go to children that nobody
    waits for any more, whatever becomes of the run.
    """

    def __init__(self, run: Run, definition: Definition, world: World, now: float) -> None:
        self.run = run
        self.definition = definition
        self.world = world
        self.now = now
        self.commands: list[Command] = []
        self.farewells: list[Signal] = []
        self.error: Failure | None = None
        self._steps = dict(run.steps)
        self._active = dict(run.active)
        self._early = dict(run.early)
        self._facts: deque[Fact] = deque()
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

    def receive(self, fact: Fact) -> None:
        """Give a step the answer to one of its requests."""
        name = fact.step
        step, part = self.state(name), self.definition.part(name)
        if part is None or step.over or fact.id not in step.outstanding:
            return
        step = replace(step, outstanding=step.outstanding - {fact.id})
        self._move(name, part, lambda kind, at: kind.receive(at, fact), step)
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

    def _look(self, name: str, part: Part) -> None:
        step = self.state(name)
        if step.status == "waiting":
            self._start(name, part, step)
        elif step.status == "backing_off" and step.wake_at <= self.now:
            self._begin(name, part, step)
        elif step.status == "running":
            self._move(name, part, lambda kind, at: kind.settle(at), step)
        elif step.status == "falling_back":
            self._stand_in(name, part, step)
        step = self.state(name)
        if step.status == "running" and self.now >= step.ends_at:
            self._move(name, part, lambda _, at: at.failed(at.timed_out()), step)

    def _start(self, name: str, part: Part, step: StepRun) -> None:
        """Begin, or skip, a step for which it is time."""
        base, item, _ = name.partition("[")
        if item:
            if self.state(base).over:
                return
        else:
            waits = self.definition.needs[name]
            if name in self.definition.stand_ins and not self._wanted(name):
                return
            if not self._active.keys().isdisjoint(waits) or not all(self.state(other).over for other in waits):
                return
            if why := self._skipped(name):
                self._put(name, replace(step, status="skipped", started_at=self.now, ended_at=self.now, reason=why))
                return
        self._begin(name, part, step)

    def _wanted(self, name: str) -> bool:
        """Whether a step that this one stands in for has failed."""
        return any(self.state(other).status == "falling_back" for other in self.definition.stand_ins[name])

    def _skipped(self, name: str) -> str:
        """Return why a step is skipped, if it is."""
        waits = self.definition.needs[name]
        if waits and all(self.state(other).status == "skipped" for other in waits):
            return "all that it waits for was skipped"
        deciding = self.definition.targets.get(name, ())
        if deciding and not any(self.state(decide).output == branch for decide, branch in deciding):
            return "; ".join(
                f"{decide} took {self.state(decide).output}" for decide in dict.fromkeys(d for d, _ in deciding)
            )
        return ""

    def _begin(self, name: str, part: Part, step: StepRun) -> None:
        ends_at = min(self.now + part.spec.timeout, self.run.deadline)
        step = replace(
            step,
            status="running",
            started_at=step.started_at or self.now,
            ends_at=ends_at,
            wake_at=ends_at,
            error=None,
        )
        when = part.expressions.get("when")
        try:
            unwanted = when is not None and not holds(when, context(self.run, self._steps, name))
        except WorkflowError as error:
            failure = Failure.of(error)
            self._move(name, part, lambda _, at: at.failed(failure), step)
            return
        if unwanted and when is not None:
            self._put(name, replace(step, status="skipped", ended_at=self.now, reason=f"not {when.source}"))
            return
        self._move(name, part, lambda kind, at: kind.begin(at), step)

    def _move(self, name: str, part: Part, act: Act, step: StepRun) -> None:
        """Let a step's kind act, and take what follows from it."""
        at = Moment(self.run, self._steps, name, step, part, self.definition, self.world, self.now)
        try:
            move = act(KINDS[part.spec.kind], at)
        except WorkflowError as error:
            move = at.failed(Failure.of(error))
        step = move.step
        if step.status == "failed":
            step = self._failing(name, part, step)
        else:
            self._send(move.commands)
        for other, state in move.steps.items():
            self._steps[other] = state
            self.touch(other)
        self._put(name, step)

    def _send(self, commands: Sequence[Command]) -> None:
        """Send requests, but for those whose answers are there already."""
        for command in commands:
            early = self._early.pop(getattr(command, "id", ""), None) if self._early else None
            if early:
                self._facts.append(early.fact)
            else:
                self.commands.append(command)

    def _failing(self, name: str, part: Part, step: StepRun) -> StepRun:
        """Return what becomes of a step that failed: another attempt, something in its place, or a failure."""
        retry, code = part.spec.retry, step.error.code if step.error else ""
        if step.attempt < retry.attempts and code in (retry.on or PASSING) and self.now < self.run.deadline:
            return self._again(name, part, step)
        fallback = part.spec.fallback
        if fallback is None:
            return step
        if fallback.step:
            self.touch(fallback.step)
            return replace(step, status="falling_back", wake_at=self.run.deadline)
        why = f"a value stands in for it, as it failed: {step.error.message if step.error else ''}"
        try:
            value = part.values["fallback.value"].evaluate(context(self.run, self._steps, name))
        except WorkflowError as error:
            return replace(step, error=Failure.of(error))
        return replace(step, status="succeeded", output=value, reason=why)

    def _again(self, name: str, part: Part, step: StepRun) -> StepRun:
        """Return the step as it waits for its next attempt."""
        retry, seed = part.spec.retry, f"{self.run.task_id}/{name}/{step.attempt}"
        rng = random.Random(seed)  # noqa: S311  # drawn from the run itself, so that a replay waits as long
        delay = full_jitter(step.attempt - 1, base=retry.backoff, cap=retry.max_backoff, rng=rng)
        return StepRun(
            status="backing_off",
            attempt=step.attempt + 1,
            started_at=step.started_at,
            wake_at=self.now + delay,
            unawaited=step.unawaited | step.outstanding,
            spent=step.usage,
            error=step.error,
        )

    def _stand_in(self, name: str, part: Part, step: StepRun) -> None:
        """Take over what the step has done that stands in for this one."""
        other = part.spec.fallback.step
        state = self.state(other)
        if state.over:
            ended = replace(step, status=state.status, ended_at=self.now)
            if state.status == "succeeded":
                why = f"{other} stood in for it, as it failed: {step.error.message if step.error else ''}"
                ended = replace(ended, output=state.output, chunks=state.chunks, reason=why)
            self._put(name, ended)
        elif self.now >= self.run.deadline:
            self._put(name, replace(step, status="failed", ended_at=self.now))

    def _put(self, name: str, step: StepRun) -> None:
        """Set a step's state, and touch what waits for it."""
        before = self.state(name)
        if step is before:
            return
        if step.outstanding and step.status != "running":
            step = without_waiting(step)
        self._changed = True
        self._steps[name] = step
        if step.status in _ACTIVE:
            self._active[name] = step.wake_at
        else:
            self._active.pop(name, None)
        if step.over and not before.over:
            self._over(name, step)

    def _over(self, name: str, step: StepRun) -> None:
        if self._early:
            self._early = {id_: early for id_, early in self._early.items() if early.fact.step != name}
        base, item, _ = name.partition("[")
        if item:
            self.touch(base)
            return
        self._abandon_items(name)
        for other in self.definition.stand_ins.get(name, ()):
            self.touch(other)
        self.touch(*self.definition.followers[name])
        spec = self.definition.spec.steps[name]
        # What stands in for others fails them, and they say whether the run can do without.
        if step.status == "failed" and not spec.optional and name not in self.definition.stand_ins:
            self.error = step.error

    def _abandon_items(self, name: str) -> None:
        """End the items of a map that is over before them."""
        for item in [item_of(name, index) for index in sorted(self.state(name).live)]:
            if self.state(item).over:
                continue
            self.farewells.extend(cancellation(self.run, self.definition, item, self.state(item)))
            self._active.pop(item, None)
            error = Failure(code="cancelled", message=f"the map {name} was over")
            failed = replace(self.state(item), status="failed", ended_at=self.now, error=error)
            self._steps[item] = without_waiting(failed)
