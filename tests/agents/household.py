"""A small world in which whole families of runs live, with the slots that they share, through crashes."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from app.delivery.envelope import Outgoing
from app.delivery.stateful_processor import Decision
from app.worker.run_state_machine import RunStateMachine
from app.workflows.records import Assembler
from app.workflows.run import Run, RunState, Semaphore
from tests.agents.deps import received
from tests.workflows.simulation import answer
from topics.model_requests import ModelRequest
from topics.model_responses import Usage
from topics.results import Result
from topics.step_requests import StepRequest

Place = tuple[str, str]


@dataclass
class Household:
    """Queues by topic and key, in order as Kafka keeps them, and the state of each key: in memory, and as written."""

    machine: RunStateMachine
    now: float = 1_700_000_000.0
    queues: defaultdict[Place, deque[Outgoing]] = field(default_factory=lambda: defaultdict(deque))
    states: dict[str, RunState] = field(default_factory=dict)
    written: dict[str, RunState] = field(default_factory=dict)
    since: defaultdict[str, list[Outgoing]] = field(default_factory=lambda: defaultdict(list))
    waiting: defaultdict[str, list[tuple[float, Outgoing]]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, Any] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    results: list[Result] = field(default_factory=list)

    def send(self, outgoing: Outgoing) -> None:
        event = outgoing.event
        if isinstance(event, Result):
            self.results.append(event)
        elif isinstance(event, ModelRequest | StepRequest):
            if event.id not in self.answered:  # whoever has answered does not do so again
                self.asked[event.id] = event
        else:
            self.queues[outgoing.topic.name, outgoing.key].append(outgoing)

    def places(self) -> list[Place]:
        return sorted(place for place, queue in self.queues.items() if queue)

    def deliver(self, place: Place) -> None:
        """Have the first event of a queue decided."""
        outgoing = self.queues[place].popleft()
        event = received(outgoing.event, partition=outgoing.partition or 0)
        key = self.machine.key(event)
        decision = self.machine.decide(self.states.get(key), event, self.now)
        if decision.wait is not None:
            self.waiting[key].append((self.now + decision.wait, outgoing))
            return
        self.since[key].append(outgoing)
        new = key not in self.states and decision.value is not None
        self._apply(key, decision)
        if new:
            for _, early in self.waiting.pop(key, []):
                self.queues[early.topic.name, early.key].appendleft(early)

    def _apply(self, key: str, decision: Decision[RunState]) -> None:
        if decision.forget:
            del self.states[key]
            self.written.pop(key, None)
            return
        if decision.value is not None:
            self.states[key] = decision.value
            self.check(decision.value)
        for outgoing in decision.outgoing:
            self.send(outgoing)

    def check(self, state: RunState) -> None:
        if isinstance(state, Semaphore):
            assert len(state.holders) <= state.limit
            assert not state.holders.keys() & {entry[2] for entry in state.queue}
        if isinstance(state, Run):
            codes = {step.error.code for step in state.steps.values() if step.error}
            assert not codes & {"internal", "routing", "fusion"}, "a defect"

    def answer(self, request_id: str, error: str | None = None, cost: float = 0.0) -> None:
        request = self.asked.pop(request_id)
        self.answered.add(request_id)
        response = answer(request, error=error)
        if cost:
            response = response.model_copy(update={"usage": Usage(output_tokens=1, cost=cost)})
        self.send(self.machine._outgoing(response, None))

    def write(self, key: str) -> None:
        """Have a key's state written: its events are finished."""
        self.since.pop(key, None)
        if key in self.states:
            self.written[key] = self.states[key]

    def crash(self, key: str, *, torn: int = 0) -> None:
        """Lose what was not written of a key; what led to it is delivered again, and the rest is woken first.

        The first `torn` records of what was to be written next may still have been.
        """
        state, written = self.states.pop(key, None), self.written.pop(key, None)
        assembler = Assembler()
        for name, value in self.machine.records(key, written, None) if written else ():
            assembler.add(name, value)
        for name, value in tuple(self.machine.records(key, state, written))[:torn] if state else ():
            assembler.add(name, value)
        for outgoing in reversed(self.since.pop(key, [])):
            self.queues[outgoing.topic.name, outgoing.key].appendleft(outgoing)
        if restored := assembler.states():
            self.states |= restored
            self.written |= restored
            self._apply(key, self.machine.wake(restored[key], self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for key, state in list(self.states.items()):
            if state.wake_at <= self.now:
                self._apply(key, self.machine.wake(state, self.now))
        for key, events in list(self.waiting.items()):
            self.waiting[key] = [(until, one) for until, one in events if until > self.now]

    def finish(self) -> None:
        """Let everything be delivered, and time pass, until nothing more happens."""
        for _ in range(10_000):
            if places := self.places():
                self.deliver(places[0])
            elif self.states:
                soonest = min(state.wake_at for state in self.states.values())
                self.pass_time(max(0.0, soonest - self.now))
            else:
                return
        raise AssertionError("it never ends")
