"""More tasks than a model takes at once: the real process, the embedded broker, and a scripted model with one slot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

# All twenty together take four times as long as one attempt may, and longer than all attempts of a call may.
_CONFIG = """\
app_id: e2e-capacity
topics: {partitions: 2}
models:
  narrow:
    provider: scripted
    timeout: 2500ms
    total_timeout: 4s
    options: {slots: 1, delay: 0.5, default: in turn}
ask: {models: [narrow], retrieve: false, deadline: 3m}
retrieval: {embedder: hashing}
server: {port: 0}
"""


def test_tasks_that_wait_for_the_only_slot_of_a_model_are_all_answered(tmp_path: Path) -> None:
    (tmp_path / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    cli = Cli(tmp_path)
    tasks = [{"id": f"q-{number}", "input": {"question": "Now?"}} for number in range(20)]

    with cli.hosted():
        said = cli("tasks", "send", "--wait", "--json", "-", text="".join(json.dumps(task) + "\n" for task in tasks))

    results = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [(one["status"], one["answer"]) for one in results] == [("succeeded", "in turn")] * 20
