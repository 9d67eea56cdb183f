"""How the state of runs is stored on the state topic: a record for each part that changes by itself.

A run has a *head*, under its task id, and a record for each step, under the task id, a tab, and the step's
name; a task id has no control characters. A write holds only the parts that have changed: states are
immutable and share what did not change, so identity tells. A worker may die between the records of one
write; each part is then read back as of that write or of an earlier one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from app.audit.chain import ChainHead
from app.workflows.budgets.state import BudgetState
from app.workflows.run import Done, Run, RunState, Semaphore, StepRun, WebhookRetry

T = TypeVar("T")
Records = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class _Head:
    """A state without its steps; one of the fields is set."""

    run: Run | None = None
    done: Done | None = None
    slots: Semaphore | None = None
    budget: BudgetState | None = None
    webhook: WebhookRetry | None = None
    chain: ChainHead | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: `accepted_at` tells which run of its task id it belongs to, `number` its place among the steps.

    An output that is the text of a response is not written twice: `said` is that response's index.
    """

    task_id: str
    accepted_at: float
    name: str
    number: int
    step: StepRun
    said: int | None = None

    @classmethod
    def of(cls, run: Run, name: str, number: int, step: StepRun) -> _Step:
        """Return the record of a step."""
        said = next((place for place, one in enumerate(step.responses) if one.text is step.output), None)
        written = step if said is None else replace(step, output=None)
        return cls(run.task_id, run.accepted_at, name, number, written, said)

    def whole(self) -> StepRun:
        """Return the step; a new instance takes a third of the memory of the one from the parser."""
        return replace(self.step, output=self.step.output if self.said is None else self.step.responses[self.said].text)


#: The steps have records of their own, from which `active` is known too.
_APART = {"steps", "active"}
_IN_HEAD = tuple(one.name for one in fields(Run) if one.name not in _APART)
_HEADS: TypeAdapter[_Head] = TypeAdapter(_Head)
_STEPS: TypeAdapter[_Step] = TypeAdapter(_Step)


def records(key: str, state: RunState | None, written: RunState | None) -> Records:
    """Return the records, in order, that make the log of a state that was `written` the log of `state`.

    Without `written` these are all records of the state; without a `state`, those that remove it. The value
    None removes a record.

    Raises:
        pydantic_core.PydanticSerializationError: the state holds something that JSON cannot.
    """
    if not isinstance(state, Run):
        head = [] if state is written else [(key, None if state is None else _encode(state))]
        return [*head, *_removed(key, written, ())]
    same = isinstance(written, Run) and all(getattr(state, name) is getattr(written, name) for name in _IN_HEAD)
    head = [] if same else [(key, _encode(state))]
    steps = [*_changed(key, state, written), *_removed(key, written, state.steps)]
    return [*steps, *head] if _took_early_answer(state, written) else [*head, *steps]


def _took_early_answer(run: Run, written: RunState | None) -> bool:
    """Whether a step has taken in an early answer.

    The answer leaves the head only after the step is written: its event is finished, and would not be delivered again.
    """
    return (
        isinstance(written, Run)
        and written.accepted_at == run.accepted_at
        and not written.early.keys() <= run.early.keys()
    )


def _encode(state: RunState) -> bytes:
    match state:
        case Run():
            return _HEADS.dump_json(_Head(run=state), exclude={"run": _APART}, exclude_defaults=True)
        case Done():
            return _HEADS.dump_json(_Head(done=state), exclude_defaults=True)
        case Semaphore():
            return _HEADS.dump_json(_Head(slots=state), exclude_defaults=True)
        case BudgetState():
            return _HEADS.dump_json(_Head(budget=state), exclude_defaults=True)
        case WebhookRetry():
            return _HEADS.dump_json(_Head(webhook=state), exclude_defaults=True)
        case ChainHead():
            return _HEADS.dump_json(_Head(chain=state), exclude_defaults=True)


def _changed(key: str, run: Run, written: RunState | None) -> Iterator[tuple[str, bytes]]:
    """Yield the records of the steps that are new, have changed, or have another place."""
    before: Iterable[tuple[str, StepRun]] = ()
    if isinstance(written, Run) and written.accepted_at == run.accepted_at:
        before = written.steps.items()
    for number, (now, old) in enumerate(zip_longest(run.steps.items(), before)):
        if now and not (old and now[1] is old[1] and now[0] == old[0]):
            yield step_key(key, now[0]), _STEPS.dump_json(_Step.of(run, now[0], number, now[1]), exclude_defaults=True)


def _removed(key: str, written: RunState | None, left: Container[str]) -> Iterator[tuple[str, None]]:
    if isinstance(written, Run):
        yield from ((step_key(key, name), None) for name in written.steps if name not in left)


def step_key(key: str, name: str) -> str:
    """Return the record key of one step of a run."""
    return f"{key}\t{name}"


class Assembler:
    """Builds states from their records, which are given to it in the order of the log."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[bytes, float]] = {}
        self._oldest: dict[str, float] = {}
        #: The keys of records that cannot be read, with the reason; known after `states`.
        self.refused: dict[str, str] = {}

    def add(self, key: str, value: bytes | None, at: float = 0.0) -> None:
        """Add a record, written at `at` (epoch seconds); only the last one of a key counts."""
        if value is None:
            self._records.pop(key, None)
        else:
            self._records[key] = value, at

    def states(self) -> dict[str, RunState]:
        """Return the states by key, as far as their records allow; records that belong to no run are left out."""
        heads: dict[str, RunState] = {}
        steps: defaultdict[str, list[tuple[_Step, float]]] = defaultdict(list)
        for key, (value, at) in self._records.items():
            try:
                part = _decode(key, value)
            except ValueError as error:
                self.refused[key] = type(error).__name__
                continue
            if isinstance(part, _Step):
                steps[part.task_id].append((part, at))
            else:
                heads[key], self._oldest[key] = part, at
        return {key: self._whole(key, head, steps.get(key, ())) for key, head in heads.items()}

    def written_at(self, key: str) -> float:
        """Return when the oldest record of a state was written."""
        return self._oldest[key]

    def _whole(self, key: str, head: RunState, parts: Iterable[tuple[_Step, float]]) -> RunState:
        if not isinstance(head, Run):
            return head
        ours = [(part, at) for part, at in parts if part.accepted_at == head.accepted_at]
        self._oldest[key] = min([self._oldest[key], *(at for _, at in ours)])
        steps = {part.name: part.whole() for part, _ in sorted(ours, key=lambda one: one[0].number)}
        active = {name: step.wake_at for name, step in steps.items() if step.active}
        return replace(head, steps=steps, active=active)


def _read(kind: TypeAdapter[T], value: bytes) -> T:
    """Return what the JSON holds; a run's data are nested deeper in it than in the event that brought them.

    Raises:
        ValueError: it is not valid.
    """
    try:
        return kind.validate_json(value)
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] != "json_invalid":
            raise
    try:
        return kind.validate_python(json.loads(value))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _decode(key: str, value: bytes) -> RunState | _Step:
    """Return what a record holds.

    Raises:
        ValueError: it is neither a state nor a step.
    """
    if "\t" in key:
        with suppress(ValidationError):  # the keys of semaphores, budgets, webhooks and chains have tabs too
            return _read(_STEPS, value)
    head = _read(_HEADS, value)
    for state in (head.run, head.done, head.slots, head.budget, head.webhook, head.chain):
        if state is not None:
            return state
    raise ValueError("neither a run, nor a semaphore, a budget, a webhook or a chain")
