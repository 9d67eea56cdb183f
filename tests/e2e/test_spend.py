"""Money, from the configuration to the command that adds it up: the real process, the embedded broker."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import PATIENCE, Cli

pytestmark = pytest.mark.slow

# Two candidates, of which one is chosen, and one that fails before anything comes.
_CONFIG = """\
app_id: e2e-spend
topics: {partitions: 2}
models:
  one: {provider: scripted, model: s-1, options: {default: "Refund it at once"}, price: {input: 100, output: 1000}}
  two: {provider: scripted, options: {default: "Refund it"}, price: {input: 0, output: 500}}
  slow: {provider: scripted, options: {delay: 5}, timeout: 0.2, attempts: 1, price: {input: 4}}
  refusing: {provider: scripted, options: {failures: [unauthorized, unauthorized, unauthorized]}, price: {input: 1000}}
ask: {models: [one, two, slow, refusing], retrieve: false, strategy: first}
workflows: [spending.yaml]
retrieval: {embedder: hashing}
server: {port: 0}
"""
_WORKFLOW = """\
id: spending
answer: draft
steps:
  draft: {kind: ask, models: [one, two, slow, refusing], prompt: "{{ input.question }}", fusion: {strategy: vote}}
"""


@pytest.mark.parametrize("tasks", [3])
def test_what_results_cost_is_what_was_spent(tmp_path: Path, tasks: int) -> None:
    (tmp_path / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (tmp_path / "spending.yaml").write_text(_WORKFLOW, encoding="utf-8")
    cli = Cli(tmp_path)
    with cli.hosted():
        sent = [{"workflow": "spending", "input": {"question": "What now?"}, "tenant": "acme"} for _ in range(tasks)]
        lines = "".join(json.dumps({"id": f"q-{number}", **one}) + "\n" for number, one in enumerate(sent))
        cli("tasks", "send", "-", text=lines)
        results = [cli.objects("runs", "wait", f"q-{number}")[0] for number in range(tasks)]
        *models, total = _settled(cli, calls=3 * tasks)
        (acme, _) = cli.objects("spend", "--by", "tenant", "--workflow", "spending")
        today = cli("spend", "--by", "day", "--plot")
        nothing = cli("spend", "--workflow", "ask")
    cost = {row["name"]: row["cost"] for row in models}
    # What was asked has two words, and "slow" has read about three tokens of it, for which nobody waited.
    expected = {"one": (2 * 100 + 4 * 1000) / 1e6, "two": 2 * 500 / 1e6, "slow": 3 * 4 / 1e6}
    assert cost == pytest.approx({name: tasks * each for name, each in expected.items()})
    assert total["cost"] == pytest.approx(sum(result["usage"]["cost"] for result in results))
    assert total["given_up"] == pytest.approx(cost["slow"])
    assert (acme["name"], acme["calls"], acme["cost"]) == ("acme", total["calls"], total["cost"])
    assert "#" * 50 in today
    assert "nothing was spent" in nothing


def _settled(cli: Cli, calls: int) -> list[Any]:
    """Return the rows once so many calls are recorded; an answer that nobody waits for is paid after the result."""
    until = time.monotonic() + PATIENCE
    while (rows := cli.objects("spend"))[-1]["calls"] < calls and time.monotonic() < until:
        time.sleep(0.2)
    return rows
