from __future__ import annotations

from app.cli.workflows.workflow_chart import workflow_flowchart
from app.workflows.definition.spec import Workflow

SPEC = Workflow.model_validate(
    {
        "id": "w",
        "steps": {
            "fork": {
                "kind": "decide",
                "branches": [{"name": "money", "when": "input.x", "steps": ["pay"]}, {"name": "no"}],
            },
            "pay": {"kind": "connector", "connector": "c", "fallback": {"step": "spare"}, "optional": True},
            "spare": {"kind": "transform", "value": "1"},
            "each": {
                "kind": "map",
                "over": "[1]",
                "step": {"kind": "ask", "models": ["a"], "prompt": "x", "samples": 3, "fusion": {"strategy": "vote"}},
            },
            "end": {"kind": "transform", "value": "[steps.pay.output, steps.each.output]"},
        },
    }
)


def test_that_steps_and_what_they_wait_for_are_drawn() -> None:
    assert workflow_flowchart(SPEC).splitlines()[:-2] == [
        "flowchart TD",
        '  s0{"fork<br/>decide"}',
        '  s1["pay<br/>connector, optional"]',
        '  s2["spare<br/>transform"]:::spare',
        '  s3["each<br/>map, each#58; ask, 3 answers, vote"]',
        '  s4["end<br/>transform"]:::answer',
        '  s0 -->|"money"| s1',
        "  s1 --> s4",
        "  s3 --> s4",
        "  s1 -. fails .-> s2",
    ]


def test_that_no_name_can_break_the_chart() -> None:
    hostile = {"kind": "ask", "models": ['"]; click s0 "x'], "prompt": "x"}
    chart = workflow_flowchart(Workflow.model_validate({"id": "w", "steps": {"a": hostile}}))
    assert chart.splitlines()[1].count('"') == 2
