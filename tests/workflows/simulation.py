"""Random workflows, and a world in which a run of one meets every misfortune."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from app.workflows.definitions import Definition, Definitions
from app.workflows.engine import Accept, Command, Input, Limits, Tick, advance
from app.workflows.run import Done, Run, RunState, decode, encode
from app.workflows.spec import Workflow
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, RetrievalResult
from topics.tasks import Task

LIMITS = Limits(max_run=1000.0, remember=50.0)
START = 1_700_000_000.0
MODELS = ("alpha", "beta", "gamma/large", "delta")
TEXTS = ("Yes", "yes.", "No", "Perhaps")

Request = RetrievalRequest | ModelRequest
Fact = RetrievalResult | ModelResponse


@st.composite
def workflows(draw: st.DrawFn, strategies: tuple[str, ...] = ("first", "vote", "consensus")) -> Workflow:
    """Return a workflow of up to five steps; the last is its output, and may or may not need all others."""
    count = draw(st.integers(1, 5))
    steps: dict[str, Any] = {}
    for number in range(count):
        before = [f"s{other}" for other in range(number)]
        common: dict[str, Any] = {
            "after": draw(st.lists(st.sampled_from(before), unique=True)) if before else [],
            "timeout": draw(st.sampled_from([5.0, 20.0, 60.0])),
            "optional": draw(st.booleans()),
        }
        last = number == count - 1
        step = draw(_asking(strategies)) if last or draw(st.booleans()) else {"kind": "retrieve", "query": "q"}
        steps[f"s{number}"] = {**common, **step}
    return Workflow.model_validate(
        {"id": "w", "deadline": draw(st.sampled_from([10.0, 40.0, 100.0])), "steps": steps, "output": f"s{count - 1}"}
    )


@st.composite
def _asking(draw: st.DrawFn, strategies: tuple[str, ...]) -> dict[str, Any]:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=1, unique=True))
    return {
        "kind": "ask",
        "models": models,
        "prompt": "{{ input.question }} {% for name, step in steps.items() %}{{ name }}{{ step.answer }}{% endfor %}",
        "fusion": {"strategy": draw(st.sampled_from(strategies)), "quorum": draw(st.integers(1, 3))},
        "routing": {
            "policy": draw(st.sampled_from(["fixed", "weighted"])),
            "choose": draw(st.none() | st.integers(1, 4)),
        },
    }


def needing_everything(workflow: Workflow) -> Workflow:
    """Return the workflow with an output that waits for all other steps."""
    output = workflow.steps[workflow.output]
    after = tuple(name for name in workflow.steps if name != workflow.output)
    steps = {**workflow.steps, workflow.output: output.model_copy(update={"after": after})}
    return workflow.model_copy(update={"steps": steps})


def answer(request: Request, text: str = "Yes", error: str | None = None) -> Fact:
    """Return what a doer answers to a request."""
    failure = Failure(code=error, message=f"{error} of {request.id}") if error else None
    if isinstance(request, RetrievalRequest):
        chunk = Chunk(id=f"{request.id}#1", document_id="d", source="d.md", lines=(1, 2), text=text)
        return RetrievalResult(
            id=request.id,
            task_id=request.task_id,
            step=request.step,
            chunks=() if failure else (chunk,),
            error=failure,
        )
    return ModelResponse(
        id=request.id,
        task_id=request.task_id,
        step=request.step,
        branch=request.branch,
        model=request.model,
        text="" if failure else text,
        usage=Usage(input_tokens=2, output_tokens=1),
        error=failure,
    )


@dataclass
class Life:
    """One life of a run: from a state, which a crash may have set back, to its end."""

    definitions: Definitions
    state: RunState | None = None
    now: float = START
    inputs: list[tuple[Input, float]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    open: list[Request] = field(default_factory=list)

    @property
    def definition(self) -> Definition:
        return self.definitions.latest("w")

    @property
    def results(self) -> list[Result]:
        return [command for command in self.commands if isinstance(command, Result)]

    def give(self, event: Input) -> list[Command]:
        """Let an event happen, and check what must hold of every single one."""
        before = self.state
        shape = encode(before) if before else None
        self.inputs.append((event, self.now))
        self.state, commands = advance(before, event, self.definitions, self.now, LIMITS)
        assert (encode(before) if before else None) == shape, "the input was changed"
        again = advance(before, event, self.definitions, self.now, LIMITS)
        assert again == (self.state, commands), "not a function of its arguments"
        self._check(before, commands)
        self.commands += commands
        self.open += [command for command in commands if not isinstance(command, Result)]
        return commands

    def _check(self, before: RunState | None, commands: list[Command]) -> None:
        if isinstance(before, Done):
            assert self.state is before, "a run that ended changed"
            assert commands == []
        if isinstance(self.state, Done) and not isinstance(before, Done):
            assert [type(command) for command in commands] == [Result], "the end is one result"
        if isinstance(before, Run) and isinstance(self.state, Run):
            over = {name: step for name, step in before.steps.items() if step.over}
            assert all(self.state.steps[name] == step for name, step in over.items()), "a step that was over changed"
        if isinstance(self.state, Run):
            for command in commands:
                assert not isinstance(command, Result), "a result, yet no end"
                after = self.definition.spec.steps[command.step].after
                assert all(self.state.steps[name].over for name in after), "began before what it waits for was over"
        ids = [command.id for command in self.commands if not isinstance(command, Result)]
        assert len(set(ids)) == len(ids), "an id was used twice"

    def restart(self) -> None:
        """Keep of the state only what is written."""
        if self.state:
            restored = decode(encode(self.state))
            assert restored == self.state
            self.state = restored

    def expire(self) -> None:
        """Let time pass, with no event, until the run has ended or its deadline's tick has come and gone."""
        for _ in range(20):
            if not isinstance(self.state, Run):
                return
            assert self.state.wake_at <= self.state.deadline
            self.now = max(self.now, self.state.wake_at)
            self.give(Tick())
        raise AssertionError("the run did not end")


def accept(task_id: str = "t") -> Accept:
    return Accept(task_id, Task(id=task_id, workflow="w", input={"question": "why?"}))


def live(life: Life, data: st.DataObject, happens: Callable[[Life, st.DataObject], None], events: int) -> None:
    """Begin a run, and have `events` things happen to it."""
    life.give(accept())
    for _ in range(events):
        happens(life, data)
