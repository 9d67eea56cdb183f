from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery.envelope import Outgoing
from app.partitioner import partition_of
from app.settings import Settings
from app.workflows.definition.spec import Workflow
from app.workflows.run import Run
from tests.agents.deps import PARTITIONS, Measured
from tests.agents.engine_contexts import runs
from tests.agents.simulated_cluster import SimulatedCluster
from topics import SIGNALS, TASKS
from topics.signals import Signal
from topics.tasks import Task

ROOTS = ("a", "b", "c" * 120)
MODELS = {name: {"provider": "scripted"} for name in ("local", "m", "n")}
ASK = {"kind": "ask", "models": ["m", "n"], "prompt": "why?", "timeout": 20, "optional": True}


def _limit(draw: st.DrawFn) -> dict[str, Any] | None:
    return draw(st.sampled_from([None, {"limit": 1, "key": "'k'"}, {"limit": 2, "key": "'k'"}]))


@st.composite
def families(draw: st.DrawFn) -> list[Workflow]:
    """Return three generations of workflows, some of which may only run so many at once."""
    retry = {"attempts": draw(st.integers(1, 2)), "backoff": 2.0, "on": ["cancelled", "deadline_exceeded", "a"]}
    optional = draw(st.booleans())
    call = {"kind": "workflow", "workflow": "child", "timeout": draw(st.sampled_from([5, 50])), "retry": retry}
    each = {"kind": "map", "over": "[1, 2, 3]", "parallel": 2, "tolerate": draw(st.integers(0, 3)), "step": call}
    grand = {"kind": "workflow", "workflow": "grandchild", "timeout": 40, "optional": optional}
    return [
        Workflow.model_validate({"id": name, "steps": steps, "deadline": deadline, "concurrency": _limit(draw), **more})
        for name, deadline, steps, more in (
            ("root", 90, {"each": each, "sub": {**call, "optional": optional}, "say": ASK}, {"answer": "each"}),
            ("child", 60, {"say": ASK, "sub": grand}, {"answer": "sub"}),
            ("grandchild", 30, {"say": ASK}, {}),
        )
    ]


def _settings(when_exceeded: str | None) -> Settings:
    """Return settings under which runs share a small budget, if any, and the children one of their own."""
    terms = {"limit": 1.0, "period": "50s", "reserve": 0.4, "when_exceeded": when_exceeded, "degrade_to": ["m"]}
    both = ({"name": "all", **terms}, {"name": "own", "workflow": "child", **terms})
    return Settings.model_validate({"budgets": both if when_exceeded else (), "models": MODELS})


def _send(cluster: SimulatedCluster, event: Task | Signal, key: str) -> None:
    topic: Any = TASKS if isinstance(event, Task) else SIGNALS
    cluster.send(Outgoing(topic, key, event, key, partition_of(key, PARTITIONS)))


def _happen(cluster: SimulatedCluster, data: st.DataObject) -> None:
    places, asked, keys = cluster.places(), sorted(cluster.asked), sorted(cluster.states)
    match data.draw(
        st.sampled_from(["deliver"] * 8 + ["answer"] * 3 + ["fail", "lose", "write", "crash", "time", "end"])
    ):
        case "deliver" if places:
            cluster.deliver(data.draw(st.sampled_from(places)))
        case "answer" if asked:
            cluster.answer(data.draw(st.sampled_from(asked)), cost=data.draw(st.sampled_from([0.0, 0.1])))
        case "fail" if asked:
            cluster.answer(data.draw(st.sampled_from(asked)), error="a")
        case "lose" if asked:
            cluster.asked.pop(data.draw(st.sampled_from(asked)))
        case "write" if keys:
            cluster.write(data.draw(st.sampled_from(keys)))
        case "crash" if keys:
            cluster.crash(data.draw(st.sampled_from(keys)), torn=data.draw(st.integers(0, 3)))
        case "time":
            cluster.pass_time(data.draw(st.sampled_from([0.1, 2.0, 10.0])))
        case "end":
            root = data.draw(st.sampled_from(ROOTS))
            _send(cluster, Signal(task_id=root, kind="cancel", actor="ada"), root)


@settings(max_examples=60, deadline=None)
@given(families(), st.sampled_from([None, "refuse", "degrade", "queue"]), st.data(), st.integers(0, 80))
def test_that_families_of_runs_end_whatever_happens_and_leave_nothing_behind(
    family: list[Workflow], budget: str | None, data: st.DataObject, events: int
) -> None:
    cluster = SimulatedCluster(runs(_settings(budget), Measured(), *family))
    for root in ROOTS:
        _send(cluster, Task(id=root, workflow="root", input={}), root)
    for _ in range(events):
        _happen(cluster, data)
    cluster.finish()
    assert {result.task_id for result in cluster.results} >= set(ROOTS)
    assert cluster.states == {}


def test_that_a_family_to_which_nothing_happens_succeeds() -> None:
    call = {"kind": "workflow", "workflow": "child"}
    each = {"kind": "map", "over": "[1, 2, 3]", "step": call}
    one = {"limit": 1, "key": "'k'"}
    family = [
        Workflow.model_validate({"id": "root", "steps": {"each": each}, "concurrency": one}),
        Workflow.model_validate({"id": "child", "steps": {"say": ASK}, "concurrency": one}),
    ]
    cluster = SimulatedCluster(runs(Settings(), Measured(), *family))
    for root in ROOTS:
        _send(cluster, Task(id=root, workflow="root", input={}), root)
    while cluster.places() or cluster.asked:
        if places := cluster.places():
            cluster.deliver(places[-1])
        else:
            going = [state for state in cluster.states.values() if isinstance(state, Run) and state.slot == "held"]
            assert sorted(run.task.workflow for run in going) in ([], ["child", "root"])
            cluster.answer(min(cluster.asked))
    told = {result.task_id: result.answer for result in cluster.results if result.task_id in ROOTS}
    assert told == dict.fromkeys(ROOTS, ["Yes"] * 3)
    cluster.finish()
