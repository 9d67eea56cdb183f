"""Random workflows, and a simulation in which a run of one meets every failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from app.routing.base import HealthSnapshot, ModelProfile
from app.security.residency import Residency
from app.settings import BudgetSettings, Settings
from app.workflows.definition.definitions import Definition, Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import EngineInput, TaskReceived, Tick, advance
from app.workflows.engine_context import EngineContext, EngineLimits
from app.workflows.kinds.base import Command
from app.workflows.records import Assembler, records
from app.workflows.run import Done, Response, Run, RunState, StepRun
from topics.base import Failure
from topics.budgets import BudgetEvent
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import ModelResponse, Usage
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, RetrievalResult
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import Task

LIMITS = EngineLimits(max_run=1000.0, remember=50.0, lookup=2.0)
START = 1_700_000_000.0
MODELS = ("alpha", "beta", "gamma/large", "delta")
TEXTS = ("Yes", "yes.", "No", "Perhaps", '{"kind": "refund"}')
SIGNALS = ("approval", "news")

Request = RetrievalRequest | ModelRequest | StepRequest | Task | SlotEvent | BudgetEvent

_KINDS = ("ask", "retrieve", "connector", "transform", "decide", "map", "workflow", "wait")


@st.composite
def workflows(draw: st.DrawFn, kinds: tuple[str, ...] = _KINDS, most: int = 6) -> Workflow:
    """Return a workflow of up to `most` steps of these kinds; the last is its answer, and may not need all others."""
    count = draw(st.integers(1, most))
    steps: dict[str, Any] = {}
    for number in range(count):
        before = [f"s{other}" for other in range(number)]
        steps[f"s{number}"] = {**draw(_common(before)), **draw(_step(kinds, before))}
    _branch(draw, steps)
    _stand_in(draw, steps)
    _chain(draw, steps)
    limit = {"limit": draw(st.integers(1, 2)), "key": "input.question"}
    return Workflow.model_validate(
        {
            "id": "w",
            "deadline": draw(st.sampled_from([10.0, 40.0, 100.0])),
            "concurrency": draw(st.sampled_from([None, None, None, limit])),
            "steps": steps,
            "answer": f"s{count - 1}",
        }
    )


@st.composite
def _common(draw: st.DrawFn, before: list[str]) -> dict[str, Any]:
    common: dict[str, Any] = {
        "after": draw(st.lists(st.sampled_from(before), unique=True)) if before else [],
        "timeout": draw(st.sampled_from([5.0, 20.0, 60.0])),
        "optional": draw(st.booleans()),
        "retry": {"attempts": draw(st.sampled_from([1, 1, 2, 3])), "backoff": 2.0, "on": ["a"]},
    }
    if draw(st.integers(0, 5)) == 0:
        common["when"] = draw(st.sampled_from(["size(input.question) > 1", "false", "input.nothing == 1"]))
    if draw(st.integers(0, 5)) == 0:
        common["fallback"] = {"value": draw(st.sampled_from(["instead", {"of": "${{ input.question }}"}]))}
    return common


@st.composite
def _step(draw: st.DrawFn, kinds: tuple[str, ...], before: list[str]) -> dict[str, Any]:  # noqa: PLR0911  # one for each kind
    match draw(st.sampled_from(kinds)):
        case "ask":
            return draw(_asking())
        case "retrieve":
            return {"kind": "retrieve", "query": "q {{ input.question }}"}
        case "connector":
            return {"kind": "connector", "connector": "c", "arguments": {"q": "${{ input.question }}"}}
        case "transform":
            named = [f"steps.{name}.status" for name in before]
            return {"kind": "transform", "value": draw(st.sampled_from(["1 + 1", "input.question", *named]))}
        case "decide":
            return {"kind": "decide", "branches": [{"name": "yes", "when": "input.question == 'why?'"}, {"name": "no"}]}
        case "map":
            inner = draw(_step(("ask", "retrieve", "connector", "transform", "workflow"), []))
            limits = {"parallel": draw(st.integers(1, 3)), "tolerate": draw(st.integers(0, 2))}
            over = draw(st.sampled_from(["[]", "[1, 2]", "['a', 'b', 'c', 'd']", "1"]))
            retry = {"attempts": draw(st.sampled_from([1, 2])), "backoff": 2.0, "on": ["a"]}
            inner |= {"retry": retry, "timeout": draw(st.sampled_from([4.0, 60.0])), "optional": draw(st.booleans())}
            if draw(st.integers(0, 3)) == 0:
                inner["when"] = draw(st.sampled_from(["index != 1", "item == 'a'"]))
            return {"kind": "map", "over": over, "step": inner, "retry": {"attempts": 1}, **limits}
        case "workflow":
            return {"kind": "workflow", "workflow": "child", "input": {"n": 1}}
        case _:
            return draw(
                st.sampled_from(
                    [
                        {"kind": "wait", "for": 3.0},
                        {"kind": "wait", "signal": SIGNALS[0]},
                        {"kind": "wait", "signal": SIGNALS[1]},
                        {"kind": "wait", "until": "timestamp('2023-11-14T22:13:25Z')"},
                    ]
                )
            )


@st.composite
def _asking(draw: st.DrawFn) -> dict[str, Any]:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=1, unique=True))
    strategies: list[dict[str, Any]] = [
        {"strategy": "first"},
        {"strategy": "vote"},
        {"strategy": "consensus"},
        {"strategy": "concat"},
        {"strategy": "best-of-n", "judge": "judge"},
        {"strategy": "synthesize", "aggregator": "judge", "layers": 2, "proposers": ["alpha", "beta"]},
        {"strategy": "json-merge"},
    ]
    step: dict[str, Any] = {
        "kind": "ask",
        "models": models,
        "prompt": "{{ input.question }}",
        "fusion": {**draw(st.sampled_from(strategies)), "quorum": draw(st.integers(1, 3))},
        "routing": draw(_routing(models)),
        "samples": draw(st.sampled_from([1, 1, 2])),
    }
    if draw(st.integers(0, 4)) == 0:
        step |= {"schema": {"type": "object", "required": ["kind"]}, "repairs": draw(st.integers(0, 2))}
    if draw(st.integers(0, 3)) == 0:
        routing = draw(st.sampled_from([{"policy": "fixed"}, [{"policy": "healthy"}, {"policy": "latency"}]]))
        step |= {"stream": True, "samples": 1, "fusion": {"strategy": "first"}, "routing": routing}
    elif draw(st.integers(0, 2)) == 0:
        step["batch"] = True
    return step


@st.composite
def _routing(draw: st.DrawFn, models: list[str]) -> Any:
    choose = draw(st.none() | st.integers(1, 4))
    policies: list[Any] = [
        {"policy": name, "choose": choose} for name in ("fixed", "weighted", "latency", "cost", "round-robin")
    ]
    cascade = {"policy": "cascade", "check": "answer != 'No'"}
    agreeing = {"policy": "cascade", "confidence": 0.8, "choose": draw(st.integers(1, 2))}
    healthy = {"policy": "healthy"}
    chained = [healthy, {"policy": "latency", "choose": 1}]
    looking = {"policy": "semantic", "choose": choose, "examples": {models[0]: ["hello"]}}
    for_several = [cascade, agreeing, [healthy, cascade], looking, [looking, cascade]] if len(models) > 1 else []
    return draw(st.sampled_from([*policies, *for_several, chained]))


def _branch(draw: st.DrawFn, steps: dict[str, Any]) -> None:
    """Let decisions decide on later steps."""
    names = list(steps)
    for place, name in enumerate(names):
        later = names[place + 1 :]
        if steps[name]["kind"] == "decide" and later:
            for branch in steps[name]["branches"]:
                branch["steps"] = draw(st.lists(st.sampled_from(later), unique=True, max_size=2))


def _stand_in(draw: st.DrawFn, steps: dict[str, Any]) -> None:
    """Let a step that nobody names, and that is not the last, stand in for an earlier one."""
    names = list(steps)
    named = {other for step in steps.values() for other in step["after"]}
    named |= {
        other for step in steps.values() for branch in step.get("branches", ()) for other in branch.get("steps", ())
    }
    free = [name for name in names[1:-1] if name not in named and not steps[name]["after"]]
    willing: bool = draw(st.booleans())
    if free and willing:
        owner = names[0]
        steps[owner]["fallback"] = {"step": free[0]}


def _chain(draw: st.DrawFn, steps: dict[str, Any]) -> None:
    """Let a new step stand in for one that stands in, or for any that has nothing in its place."""
    names = [name for name, step in steps.items() if "fallback" not in step]
    if names and draw(st.integers(0, 2)) == 0:
        steps[draw(st.sampled_from(names))]["fallback"] = {"step": "last_resort"}
        wanted: bool = draw(st.booleans())
        asked = {"kind": "ask", "models": ["delta"], "prompt": "help"}
        steps["last_resort"] = {**asked, "timeout": 5.0, **({} if wanted else {"when": "false"})}


def ticket(request: ModelRequest, poll: float = 3.0) -> ModelResponse:
    """Return the response to a request whose answer is made in a batch: it is to be asked for in `poll` seconds."""
    made = request.ticket or Ticket(batch="b", item=request.id, at=datetime.fromtimestamp(START, UTC), poll=poll)
    received = answer(request, "")
    assert isinstance(received, ModelResponse)
    return received.model_copy(update={"ticket": made.model_copy(update={"poll": poll}), "usage": Usage()})


def answer(request: Request, text: str = "Yes", error: str | None = None, *, cut: str = "") -> Response:
    """Return what a request agent, a child run or the owner of slots or of a budget answers to a request.

    A model goes on with what stands of the answer; with an error, `cut` is what came before it.
    """
    failure = Failure(code=error, message=f"{error} of {request.id}") if error else None
    match request:
        case RetrievalRequest():
            chunk = Chunk(id=f"{request.id}#1", document_id="d", source="d.md", lines=(1, 2), text=text)
            return RetrievalResult(
                id=request.id,
                task_id=request.task_id,
                step=request.step,
                chunks=() if failure else (chunk,),
                error=failure,
            )
        case ModelRequest():
            return ModelResponse(
                id=request.id,
                task_id=request.task_id,
                step=request.step,
                branch=request.branch,
                model=request.model,
                purpose=request.purpose,
                text=request.prefix + (cut if failure else text),
                usage=Usage(input_tokens=2, output_tokens=1),
                error=failure,
            )
        case StepRequest():
            output = None if failure else {"said": text}
            return StepResult(id=request.id, task_id=request.task_id, step=request.step, output=output, error=failure)
        case Task():
            assert request.parent
            family = request.parent
            output = None if failure else {"said": text}
            return StepResult(
                id=family.request_id, task_id=family.task_id, step=family.step, output=output, error=failure
            )
        case SlotEvent() | BudgetEvent():
            return StepResult(id=request.id, task_id=request.task_id)


_UNBOUND = Residency(Settings())


@dataclass
class Life:
    """One life of a run: from a state, which a crash may have set back, to its end."""

    definitions: Definitions
    state: RunState | None = None
    now: float = START
    inputs: list[tuple[EngineInput, float, EngineContext]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    open: list[Request] = field(default_factory=list)
    health: dict[str, HealthSnapshot] = field(default_factory=dict)
    budgets: tuple[BudgetSettings, ...] = ()
    residency: Residency = _UNBOUND

    @property
    def definition(self) -> Definition:
        return self.definitions.latest("w")

    @property
    def engine(self) -> EngineContext:
        profiles = {
            model: ModelProfile(input_price=float(place), output_price=1.0) for place, model in enumerate(MODELS)
        }
        return EngineContext(self.definitions, profiles, dict(self.health), LIMITS, self.budgets, self.residency)

    @property
    def results(self) -> list[Result]:
        return [command for command in self.commands if isinstance(command, Result)]

    def give(self, event: EngineInput) -> list[Command]:
        """Let an event happen, and check what must hold of every single one."""
        before, engine = self.state, self.engine
        shape = written(before)
        self.inputs.append((event, self.now, engine))
        self.state, commands = advance(before, event, engine, self.now)
        assert written(before) == shape, "the input was changed"
        again = advance(before, event, engine, self.now)
        assert again == (self.state, commands), "not a function of its arguments"
        self._check(before, commands)
        self.commands += commands
        self.open += requests(commands)
        return commands

    def _check(self, before: RunState | None, commands: list[Command]) -> None:
        if isinstance(before, Done):
            self._check_done(before, commands)
        if isinstance(self.state, Done) and not isinstance(before, Done):
            assert isinstance(commands[0], Result), "the end is a result"
            rest = commands[1:]
            assert all(isinstance(one, Signal | SlotEvent | BudgetEvent | StepResult) for one in rest), (
                "others wait for no more"
            )
        if isinstance(before, Run) and isinstance(self.state, Run):
            over = {name: step for name, step in before.steps.items() if step.over}
            now = self.state.steps
            assert all(_outcome(now[name]) == _outcome(step) for name, step in over.items()), "what was over changed"
        if isinstance(self.state, Run):
            self._check_going(commands)
            errors = [step.error.code for step in self.state.steps.values() if step.error]
            assert not {"internal", "routing", "fusion"}.intersection(errors), "a defect"
        ids = [
            command.id
            for command in self.commands + commands
            if isinstance(command, RetrievalRequest | ModelRequest | StepRequest | Task)
        ]
        assert len(set(ids)) == len(ids), "an id was used twice"

    def _check_done(self, before: Done, commands: list[Command]) -> None:
        """Only a late answer changes a run that ended, and only what it still has to pay for."""
        charges = [one for one in commands if isinstance(one, BudgetEvent) and one.action == "charge"]
        assert charges == commands
        assert isinstance(self.state, Done)
        assert self.state is before or replace(self.state, unpaid=before.unpaid) == before, "a run that ended changed"
        assert self.state.unpaid <= before.unpaid

    def _check_going(self, commands: list[Command]) -> None:
        state = self.state
        assert isinstance(state, Run)
        self._check_streams(state, commands)
        going = {name: step.wake_at for name, step in state.steps.items() if not step.over}
        assert state.active == going
        waits = state.version == 0 or state.approval == "awaited" or state.slot == "asked" or state.budget
        assert state.active or waits, "a run goes on, but waits for nothing"
        for command in commands:
            assert not isinstance(command, Result), "a result, yet no end"
            if isinstance(command, RetrievalRequest | ModelRequest | StepRequest):
                base = command.step.partition("[")[0]
                needs = self.definitions.get("w", state.version).needs[base]
                assert all(state.steps[name].over for name in needs), "began before what it waits for was over"

    def _check_streams(self, run: Run, commands: list[Command]) -> None:
        """Of an answer that is shown while it is made, there is one at a time, and what stands of it has been said."""
        said = {(one.step, one.text) for one, _, _ in self.inputs if isinstance(one, ModelResponse) and one.error}
        for command in commands:
            if isinstance(command, ModelRequest) and command.stream:
                assert len(run.steps[command.step].outstanding) == 1
                earlier = [step.said for name, step in run.steps.items() if name == command.step]
                assert command.prefix in ("", *earlier) or (command.step, command.prefix) in said
            elif isinstance(command, ModelRequest):
                assert not command.prefix

    def deploy(self) -> None:
        """Have another version of the workflow become the active one."""
        first = self.definitions.get("w", 1).spec
        other = {"id": "w", "version": 2, "steps": {"new": {"kind": "transform", "value": "2"}}}
        self.definitions = Definitions([first, Workflow.model_validate(other)])

    def restart(self) -> None:
        """Keep of the state only what is written, and wake it, as a new owner of the partition does."""
        if self.state:
            assembler = Assembler()
            for key, value in written(self.state):
                assembler.add(key, value)
            restored = assembler.states()["t"]
            assert restored == self.state
            self.state = restored
            self.give(Tick())

    def expire(self) -> None:
        """Let time pass, with no event, until the run has ended or its deadline's tick has come and gone."""
        for _ in range(200):
            if not isinstance(self.state, Run):
                return
            assert self.state.wake_at <= self.state.deadline
            self.now = max(self.now, self.state.wake_at)
            self.give(Tick())
        raise AssertionError("the run did not end")


def _outcome(step: StepRun) -> StepRun:
    """Return a step without what late answers cost."""
    return replace(step, unawaited=frozenset(), spent=Usage())


def written(state: RunState | None) -> list[tuple[str, bytes | None]]:
    """Return a state as it is written."""
    return records("t", state, None) if state else []


def requests(commands: Iterable[Command]) -> list[Request]:
    """Return the commands that will be answered to the run."""
    asking = RetrievalRequest | ModelRequest | StepRequest | Task
    return [
        command
        for command in commands
        if isinstance(command, asking)
        or (isinstance(command, SlotEvent | BudgetEvent) and command.action in {"acquire", "reserve"})
    ]


def accept(task_id: str = "t") -> TaskReceived:
    return TaskReceived(task_id, Task(id=task_id, workflow="w", input={"question": "why?"}))


def live(life: Life, data: st.DataObject, happens: Callable[[Life, st.DataObject], None], events: int) -> None:
    """Begin a run, and have `events` things happen to it."""
    life.give(accept())
    for _ in range(events):
        happens(life, data)
