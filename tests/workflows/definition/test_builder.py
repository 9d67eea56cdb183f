from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.errors import ConfigurationError
from app.workflows.checks import Names
from app.workflows.definition.builder import (
    Flow,
    ask,
    branch,
    connector,
    fusion,
    retrieve,
    routing,
    to_yaml,
    tool,
    transform,
    workflow,
)
from app.workflows.definition.loading import load
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import AskStep


class Search(BaseModel):
    query: str


class Ticket(BaseModel):
    text: str
    links: list[str] = []


YAML = """\
id: ticket
input:
  type: object
  title: Ticket
  required: [text]
  properties:
    text: {title: Text, type: string}
    links: {title: Links, type: array, items: {type: string}, default: []}
deadline: 2m
concurrency: {limit: 2, key: metadata.team}
answer: answer
steps:
  search: {kind: retrieve, query: "{{ input.text }}", limit: 3, optional: true}
  triage:
    kind: ask
    models: [small]
    prompt: "Refund or other? {{ input.text }}"
    schema: {type: object, properties: {kind: {enum: [refund, other]}}}
    retry: {attempts: 2}
  fork:
    kind: decide
    branches:
      - {name: refund, when: '(steps.triage.output.kind == "refund") && (!steps.triage.failed)', steps: [pay]}
      - {name: other}
  pay:
    kind: connector
    connector: payments
    arguments: {text: "${{ input.text }}", sum: 3}
    fallback: {value: {paid: false}}
  pages: {kind: map, over: input.links, step: {kind: connector, connector: web, arguments: {url: "${{ item }}"}}}
  child: {kind: workflow, workflow: other, input: {n: "${{ steps.pay.output }}"}}
  pause: {kind: wait, for: 1s, after: [pay]}
  spare: {kind: transform, value: '"none"'}
  answer:
    kind: ask
    models: [small, large]
    prompt: "{{ input.text }} {{ steps.search.chunks }}"
    system: "{{ steps.pages.output }}"
    routing: {policy: weighted, weights: {small: 1, large: 3}, choose: 2}
    fusion: {strategy: best-of-n, judge: large, quorum: 2}
    after: [pause, child]
    fallback: {step: spare}
"""


def _flow() -> Flow:
    flow = Flow("ticket", input=Ticket, deadline="2m", concurrency={"limit": 2, "key": Flow.metadata.team})
    search = flow.retrieve("search", flow.input.text, limit=3, optional=True)
    kinds = {"type": "object", "properties": {"kind": {"enum": ["refund", "other"]}}}
    triage = flow.ask("triage", ["small"], f"Refund or other? {flow.input.text}", schema=kinds, retry={"attempts": 2})
    refund = (triage.output.kind == "refund") & ~triage.failed
    flow.decide("fork", branch("refund", when=refund, steps=["pay"]), branch("other"))
    pay = flow.connector("pay", "payments", {"text": flow.input.text, "sum": 3}, fallback={"paid": False})
    pages = flow.map("pages", flow.input.links, connector("web", {"url": flow.item}))
    child = flow.workflow("child", "other", {"n": pay.output})
    pause = flow.wait("pause", seconds="1s", after=pay)
    spare = flow.transform("spare", ["none"][0].join(['"', '"']))
    answer = flow.ask(
        "answer",
        ["small", "large"],
        f"{flow.input.text} {search.chunks}",
        system=pages.output,
        routing=routing("weighted", weights={"small": 1, "large": 3}, choose=2),
        fusion=fusion("best-of-n", judge="large", quorum=2),
        after=[pause, child],
        fallback=spare,
    )
    flow.answer(answer)
    return flow


def test_that_code_gives_exactly_what_yaml_gives(tmp_path: Path) -> None:
    (tmp_path / "ticket.yaml").write_text(YAML, encoding="utf-8")
    (loaded,) = load(tmp_path)
    assert _flow().spec() == loaded.spec


def test_that_code_is_checked_as_files_are() -> None:
    with pytest.raises(ConfigurationError, match=r"^steps\.triage\.models\.0: no model is called small; there is x\n"):
        _flow().spec(Names(models=frozenset({"x"})))
    flow = Flow("w")
    flow.ask("a", ["m"], "x", tmeout=3)
    with pytest.raises(ConfigurationError, match=r"^steps\.a\.tmeout: unknown key; did you mean `timeout`\?$"):
        flow.spec()


def test_that_a_name_is_given_once() -> None:
    flow = Flow("w")
    flow.transform("a", 1)
    with pytest.raises(ValueError, match="there is a step called a already"):
        flow.transform("a", 2)


def test_that_drafts_stand_inside_of_maps() -> None:
    for draft in (retrieve(Flow.item), ask(["m"], Flow.item), transform(Flow.item), workflow("v", {"x": Flow.index})):
        flow = Flow("w")
        flow.map("m", Flow.input.list, draft)
        assert "item" in str(draft) or "index" in str(draft)
        assert flow.spec().steps["m"].kind == "map"


def test_that_the_version_is_written_only_when_it_was_given() -> None:
    for version in ({}, {"version": 3}):
        flow = Flow("w", **version)
        flow.transform("a", 1)
        assert ("version: 3" in to_yaml(flow.spec())) is bool(version)


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="{}$"), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip())
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)
SECONDS = st.integers(1, 119) | st.floats(0.1, 119) | st.integers(1, 119).map(lambda number: f"{number}s")
COMMON = st.fixed_dictionaries(
    {},
    optional={
        "description": PLAIN,
        "when": st.sampled_from(["input.a == 'x'", "has(input.b)", "size(metadata) > 0"]),
        "timeout": SECONDS,
        "optional": st.booleans(),
        "retry": st.fixed_dictionaries({"attempts": st.integers(1, 9)}),
        "cache": SECONDS | st.builds(lambda seconds: {"for": seconds}, SECONDS),
        "fallback": st.fixed_dictionaries({"value": JSON}),
    },
)
MODELS = st.lists(NAMES, min_size=1, max_size=4, unique=True)
ASK = st.fixed_dictionaries(
    {"kind": st.just("ask"), "models": MODELS, "prompt": PLAIN},
    optional={
        "system": PLAIN,
        "samples": st.integers(1, 5),
        "routing": st.sampled_from([{"policy": "fixed", "choose": 1}, [{"policy": "fixed"}, {"fall_back": False}]]),
        "fusion": st.sampled_from([{"strategy": "vote", "exact": True}, {"strategy": "consensus"}, {}]),
        "sampling": st.fixed_dictionaries({"temperature": st.floats(0, 1)}),
        "schema": st.sampled_from([{"type": "object"}, {"type": "string", "minLength": 1}]),
    },
)
OTHERS = (
    st.fixed_dictionaries({"kind": st.just("retrieve"), "query": PLAIN}, optional={"limit": st.integers(1, 9)}),
    st.fixed_dictionaries(
        {"kind": st.just("connector"), "connector": NAMES, "arguments": st.dictionaries(PLAIN, JSON, max_size=3)}
    ),
    st.fixed_dictionaries({"kind": st.just("transform"), "value": st.sampled_from(["1", "input.a + 'é'", "[1, 2.5]"])}),
    st.fixed_dictionaries(
        {"kind": st.just("workflow"), "workflow": NAMES, "input": st.dictionaries(PLAIN, JSON, max_size=3)}
    ),
)
INNER = st.one_of(ASK, *OTHERS)
STEP = st.one_of(
    INNER,
    st.fixed_dictionaries({"kind": st.just("map"), "over": st.just("input.l"), "step": INNER}),
    st.fixed_dictionaries({"kind": st.just("wait"), "signal": PLAIN}),
    st.fixed_dictionaries(
        {"kind": st.just("decide"), "branches": NAMES.map(lambda name: [{"name": name, "steps": []}])}
    ),
)


@st.composite
def specs(draw: st.DrawFn) -> Workflow:
    steps: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=5, unique=True)):
        before = draw(st.lists(st.sampled_from(sorted(steps)), unique=True, max_size=2)) if steps else []
        step = {**draw(COMMON), **draw(STEP), **({"after": before} if before else {})}
        if step["kind"] == "map":
            step.pop("retry", None)  # the step inside it has it
        if step["kind"] not in {"ask", "retrieve", "connector"}:
            step.pop("cache", None)  # only answers to requests are kept
        steps[name] = step
    whole = {"id": "w", "steps": steps, "answer": draw(st.sampled_from(sorted(steps)))}
    return Workflow.model_validate({**whole, "description": draw(PLAIN), "priority": draw(st.integers(-9, 9))})


@settings(max_examples=60, deadline=None)
@given(specs())
def test_that_any_workflow_survives_being_written(spec: Workflow) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "w.yaml")
        path.write_text(to_yaml(spec), encoding="utf-8")
        (loaded,) = load(path)
    assert loaded.spec == spec
    assert to_yaml(loaded.spec) == to_yaml(spec)


def test_that_a_step_can_ask_for_more_than_a_text() -> None:
    flow = Flow("look")
    see = flow.ask(
        "see",
        ["small"],
        "What is it?",
        images=[flow.input.photo, "https://host.example/a.png"],
        tools=[tool("search", "Find", Search), tool("stop")],
        tool_choice="required",
        downgrade=["seed"],
    )
    flow.map("calls", see.tool_calls, connector("search", {"query": flow.item.arguments.query}))
    written = to_yaml(flow.spec())
    spec = Workflow.model_validate(yaml.safe_load(written))
    step = spec.steps["see"]
    assert isinstance(step, AskStep)
    assert step.images == ("${{ input.photo }}", "https://host.example/a.png")
    assert [(one.name, one.description) for one in step.tools] == [("search", "Find"), ("stop", "")]
    assert step.tools[0].parameters["properties"] == {"query": {"title": "Query", "type": "string"}}
    assert (step.tool_choice, step.downgrade, step.stream) == ("required", ("seed",), False)
