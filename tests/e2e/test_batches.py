"""Steps that may wait: the real process, the embedded broker, and a scripted model that takes its time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: e2e-batch
topics: {partitions: 2}
models:
  patient:
    provider: scripted
    options: {batch_delay: 1, rules: [{pattern: 'topic (?P<name>\\w+)', answer: about $name}]}
    batch: {window: 100ms, poll: 300ms}
    price: {input: 100, output: 1000, batch: 0.5}
  hasty: {provider: scripted, options: {lacks: [batch], default: at once}}
ask: {models: [hasty], retrieve: false}
workflows: [topics.yaml]
retrieval: {embedder: hashing}
server: {port: 0}
"""
_TOPICS = """\
id: topics
steps:
  each:
    kind: map
    over: input.names
    step: {kind: ask, models: [patient], prompt: "topic {{ item }}", batch: true}
  now: {kind: ask, models: [hasty], prompt: "{{ steps.each.output }}", batch: true, downgrade: [batch]}
  all: {kind: transform, value: "steps.each.output + [steps.now.output]"}
"""
_REFUSED = """\
id: refused
steps:
  say: {kind: ask, models: [hasty], prompt: why, batch: true}
"""


def test_answers_that_may_wait_come_later_and_cost_less(tmp_path: Path) -> None:
    for name, text in {"meta-ai": _CONFIG, "topics": _TOPICS, "refused": _REFUSED}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    cli = Cli(tmp_path)
    assert "hasty has no batch" in cli("workflows", "check", "refused.yaml", exit_code=1)
    tasks = [
        {"id": "q-1", "workflow": "topics", "input": {"names": ["tea", "rain", "sand"]}},
        {"id": "q-2", "workflow": "topics", "input": {"names": ["wind"]}},
    ]
    with cli.hosted():
        cli("tasks", "send", "-", text="".join(json.dumps(task) + "\n" for task in tasks))
        first, second = (cli.objects("runs", "wait", str(task["id"]))[0] for task in tasks)
        shown = cli("runs", "show", "q-2")
        (patient, total) = cli.objects("spend")
    assert first["answer"] == ["about tea", "about rain", "about sand", "at once"]
    assert second["answer"] == ["about wind", "at once"]
    assert all(step["seconds"] >= 1 for step in (*first["steps"], *second["steps"]) if step["step"].startswith("each"))
    assert (patient["name"], patient["calls"]) == ("patient", 4)
    assert total["cost"] == pytest.approx(4 * (2 * 100 + 2 * 1000) / 2e6)
    assert total["cost"] == pytest.approx(first["usage"]["cost"] + second["usage"]["cost"])
    (row,) = (line for line in shown.splitlines() if line.strip().startswith("patient"))  # however often it was asked
    assert "batch" in row
