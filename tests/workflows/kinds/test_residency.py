"""A run of a tenant that is bound to a region asks no model elsewhere, by whatever way it could come to one."""

from __future__ import annotations

from typing import Any

import pytest

from app.security.residency import Residency
from app.settings import Settings
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived
from tests.workflows.kinds.run_helpers import asking, outcome
from tests.workflows.simulation import Life, answer
from topics.model_requests import ModelRequest
from topics.step_requests import StepRequest
from topics.tasks import Task

REGIONS = {"alpha": "us", "beta": "eu", "delta": None}
JUDGES = {
    "synthesize": {"strategy": "synthesize", "aggregator": "alpha"},
    "best-of-n": {"strategy": "best-of-n", "judge": "alpha"},
    "rank-and-fuse": {"strategy": "rank-and-fuse", "judge": "alpha"},
}
FIRST = {"policy": "fixed", "choose": 1}
SCHEMA = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["refund", "other"]}}}
#: In each, a run of nobody in particular asks `alpha`, which is not in the region.
WAYS: dict[str, dict[str, Any]] = {
    "choice": {"say": asking("alpha", "beta", routing=FIRST)},
    "panel": {"say": asking("beta", "alpha", "delta")},
    "fallback model": {"say": asking("beta", "alpha", routing=FIRST)},
    "fallback step": {
        "first": asking("beta", fallback={"step": "say"}),
        "say": asking("alpha", "beta", routing=FIRST),
        "last": {"kind": "transform", "value": "steps.first.output", "after": ["first"]},
    },
    "cascade": {"say": asking("beta", "alpha", routing={"policy": "cascade", "check": "false"})},
    "semantic": {
        "say": asking("alpha", "beta", routing={"policy": "semantic", "choose": 1, "examples": {"alpha": ["why?"]}})
    },
    "repair": {"say": asking("alpha", "beta", routing=FIRST, schema=SCHEMA)},
    "overrides": {"say": asking("beta", "alpha", overrides={"models": ["alpha", "beta"]}, routing=FIRST)},
    "map": {"say": {"kind": "map", "over": "['a']", "step": asking("alpha", "beta", routing=FIRST)}},
    "retry": {"say": asking("alpha", "beta", routing=FIRST, retry={"attempts": 2, "backoff": 0.1})},
    **{f"judge of {name}": {"say": asking("beta", samples=2, fusion=fusion)} for name, fusion in JUDGES.items()},
}


RESIDENCY = Residency(
    Settings.model_validate(
        {
            "models": {name: {"provider": "openai", "region": region} for name, region in REGIONS.items()},
            "residency": {"tenants": {"acme": ["eu"]}},
        }
    )
)


def run(steps: dict[str, Any], tenant: str, *, error: str | None = None) -> Life:
    """Return the life of a run of a tenant, whose every request was answered, or has failed."""
    spec = Workflow.model_validate({"id": "w", "deadline": 100.0, "steps": steps})
    life = Life(Definitions([spec]), residency=RESIDENCY)
    life.give(TaskReceived("t", Task(id="t", workflow="w", tenant=tenant, input={"question": "why?"})))
    while life.open:
        request = life.open.pop(0)
        life.give(answer(request, f"Yes, {getattr(request, 'branch', '')}", error))
    return life


def models(life: Life) -> set[str]:
    return {one.model for one in life.commands if isinstance(one, ModelRequest)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [None, "unavailable"])
def test_that_no_way_leads_to_a_model_of_another_region(way: str, error: str | None) -> None:
    assert models(run(WAYS[way], "acme", error=error)) == {"beta"}


@pytest.mark.parametrize("way", WAYS)
def test_that_each_of_these_ways_is_taken_by_who_is_not_bound(way: str) -> None:
    taken = models(run(WAYS[way], "bolt")) | models(run(WAYS[way], "bolt", error="unavailable"))
    assert "alpha" in taken


@pytest.mark.parametrize("model", ["alpha", "delta"])
def test_that_a_run_with_no_model_in_its_region_fails_with_how_to_fix_it(model: str) -> None:
    life = run({"say": asking(model)}, "acme")
    error = outcome(life).error
    assert error
    assert (error.code, models(life)) == ("residency", set())
    assert f"tenant acme is bound to eu, and the model {model} is in" in error.message


def test_that_requests_say_for_which_tenant_they_are() -> None:
    steps = {
        "search": {"kind": "retrieve", "query": "why?"},
        "look": {"kind": "connector", "connector": "crm"},
        "say": asking(
            "beta",
            "alpha",
            routing={"policy": "semantic", "examples": {"alpha": ["x"]}},
            after=["search", "look"],
        ),
    }
    life = run(steps, "bolt")
    asked = [one for one in life.commands if hasattr(one, "tenant")]
    assert {type(one).__name__ for one in asked} >= {"RetrievalRequest", "StepRequest", "ModelRequest"}
    assert {one.tenant for one in asked if isinstance(one, StepRequest | ModelRequest)} == {"bolt"}
