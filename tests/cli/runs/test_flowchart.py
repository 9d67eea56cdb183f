from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli.runs.flowchart import escape, run_flowchart
from app.runs.views import AttemptView, RunView, StepView
from tests.cli.runlog import Log, answered, moment, report

# The part of Mermaid's grammar that is used, strictly: every line is one of these.
_LABEL = r"(?:[^\"#<>\[\]{}|`;:&\\\n]|#\d+;|<br/>)+"
_NODE = re.compile(rf"  (s\d+)\[\"({_LABEL})\"\]:::(\w+)")
_CANDIDATE = re.compile(rf"  (s\d+c\d+)\(\[\"({_LABEL})\"\]\):::(\w+)")
_EDGE = re.compile(r"  (s\d+) (-->|-\.-) (s\d+(?:c\d+)?)")
_CLASS = re.compile(r"  classDef (\w+) [\w:#,\- ]+")


def _parsed(source: str) -> tuple[dict[str, tuple[str, str]], list[tuple[str, str, str]]]:
    """Return the nodes with label and class, and the edges.

    Fails on what is no such line, and on a node or class that is not there.
    """
    head, *body = source.removesuffix("\n").split("\n")
    assert head == "flowchart LR"
    nodes: dict[str, tuple[str, str]] = {}
    edges: list[tuple[str, str, str]] = []
    classes: set[str] = set()
    for line in body:
        if found := _NODE.fullmatch(line) or _CANDIDATE.fullmatch(line):
            nodes[found[1]] = (found[2], found[3])
        elif found := _EDGE.fullmatch(line):
            edges.append((found[1], found[2], found[3]))
        else:
            known = _CLASS.fullmatch(line)
            assert known, line
            classes.add(known[1])
    assert {node for one, _, other in edges for node in (one, other)} <= nodes.keys()
    assert {style for _, style in nodes.values()} <= classes
    return nodes, edges


def _read(label: str) -> str:
    return html.unescape(re.sub(r"#(\d+);", r"&#\1;", label.replace("<br/>", "\n")))


def test_steps_are_nodes_in_the_order_of_time_with_their_candidates() -> None:
    nodes, edges = _parsed(run_flowchart(answered().view()))
    labels = {name: _read(label) for name, (label, _) in nodes.items()}
    names = {name: label.partition("\n")[0] for name, label in labels.items()}
    assert [(names[one], names[other]) for one, kind, other in edges if kind == "-->"] == [
        ("retrieve", "route"),
        ("route", "answer"),
        ("answer", "notes"),
        ("notes", "child"),
    ]
    assert [names[other] for one, kind, other in edges if kind == "-.-" and names[one] == "answer"] == [
        "one", "two", "three", "four", "four", "judge-1",
    ]  # fmt: skip
    assert "answer\nask, 1.650 s" in labels.values()
    assert "one\nchosen, 1234 tokens, 1.000 s" in labels.values()
    assert {style for _, style in nodes.values()} == {"succeeded", "skipped", "chosen", "failed", "candidate"}


def test_steps_at_the_same_time_stand_side_by_side() -> None:
    log = Log()
    steps = [report("a", "ask", 0.0, 1.0), report("b", "ask", 1.1, 1.0), report("c", "ask", 1.2, 1.0)]
    log.result(3.0, [*steps, report("d", "ask", 2.5, 0.1)])
    nodes, edges = _parsed(run_flowchart(log.view()))
    names = {name: label.partition("<br/>")[0] for name, (label, _) in nodes.items()}
    assert [names[one] + names[other] for one, _, other in edges] == ["ab", "ac", "bd", "cd"]


def test_steps_that_took_no_time_at_one_moment_make_no_circle() -> None:
    log = Log()
    log.result(3.0, [report(name, "transform", 1.0, 0.0) for name in ("a", "b", "c")])
    _, edges = _parsed(run_flowchart(log.view()))
    assert [(one, other) for one, _, other in edges] == [("s0", "s1"), ("s1", "s2")]


@pytest.mark.parametrize(
    "text", ['a"b', "a#35;b", "<b>x</b>", "a]:::b", "`x`", "x\ny", "end", "style: x:#a;", "\x1b[2J"]
)
def test_what_has_a_meaning_is_written_as_an_entity(text: str) -> None:
    assert re.fullmatch(_LABEL, escape(text))
    assert _read(escape(text)) == " ".join(text.replace("\x1b", "\\x1b").split())


_SIGNS = st.sampled_from('"#;:<>[](){}|`\\&%-.=/ \n\t\x00\x1bé模end')
_HOSTILE = st.text(_SIGNS | st.characters(codec="utf-8"), min_size=1)


@given(st.lists(st.tuples(_HOSTILE, _HOSTILE), max_size=4, unique_by=lambda pair: pair[0]))
@settings(max_examples=100, deadline=None)
def test_whatever_the_names_are_the_source_is_sound(names: list[tuple[str, str]]) -> None:
    steps = tuple(
        StepView(
            name=name,
            kind=branch,
            status=branch,
            started_at=moment(number),
            ended_at=moment(number + 1),
            attempts=(AttemptView(id="x", work="model", name=branch, branch=branch),),
        )
        for number, (name, branch) in enumerate(names)
    )
    view = RunView(task_id="q", workflow="w", status="running", at=moment(9.0), steps=steps)
    nodes, _ = _parsed(run_flowchart(view))
    assert len(nodes) == sum(2 for step in steps if step.index < 20)
