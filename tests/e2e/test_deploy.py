"""Workflows deployed, changed and rolled back while the orchestrator runs: the real process, the embedded broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: deploying
topics: {partitions: 2}
workflows: [workflows]
models:
  one: {provider: scripted, options: {default: "from one"}}
  two: {provider: scripted, options: {default: "from two"}}
ask: {models: [one]}
retrieval: {embedder: hashing}
server: {port: 0}
"""
_WORKFLOW = """\
id: greet
steps:
  say:
    kind: ask
    models: [MODEL]
    prompt: Greet {{ input.name }}.
"""


class _Cli(Cli):
    """Runs commands beside a configuration that is in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "conf" / "meta-ai.yaml"
        super().__init__(folder, "--config", str(self.config))
        (folder / "conf" / "workflows").mkdir(parents=True)
        self.config.write_text(_CONFIG, encoding="utf-8")
        self.write("one")

    def write(self, model: str, **changes: str) -> None:
        text = _WORKFLOW.replace("MODEL", model)
        for old, new in changes.items():
            text = text.replace(old, new)
        (self.folder / "conf" / "workflows" / "greet.yaml").write_text(text, encoding="utf-8")

    def answer(self, expected_version: int) -> str:
        (self.folder / "tasks.jsonl").write_text('{"workflow": "greet", "input": {"name": "Ada"}}\n', encoding="utf-8")
        result = self.objects("tasks", "send", "tasks.jsonl", "--wait")[0]
        assert result["workflow_version"] == expected_version
        return str(result["answer"])


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[_Cli]:
    found = _Cli(tmp_path)
    with found.hosted():
        yield found


def test_a_change_is_taken_up_live_and_rolled_back(cli: _Cli) -> None:
    # What the configuration names was deployed at the start.
    assert cli.answer(1) == "from one"
    assert cli.objects("orchestrator", "deploy")[0]["change"] == "unchanged"
    assert "nothing to change" in cli("orchestrator", "deploy")

    cli.write("two")
    shown = cli("orchestrator", "deploy", "--dry-run")
    assert "greet: version 2 is new and becomes active instead of version 1" in shown
    assert "-    - one" in shown
    assert "+    - two" in shown
    assert cli.answer(1) == "from one"

    deployed = cli.objects("orchestrator", "deploy", "--actor", "pipeline")[0]
    assert (deployed["change"], deployed["before"], deployed["version"]) == ("version", 1, 2)
    assert cli.answer(2) == "from two"

    assert cli.objects("orchestrator", "rollback", "greet")[0]["version"] == 1
    assert cli.answer(1) == "from one"
    assert "no earlier version was active" in cli("orchestrator", "rollback", "greet", exit_code=1)
    cli("orchestrator", "rollback", "greet", "--to", "2")
    assert cli.answer(2) == "from two"

    history = cli.objects("workflows", "history", "greet")[0]
    assert [one["version"] for one in history["versions"] if one["active"]] == [2]
    assert history["versions"][1]["by"] == "pipeline"
    assert [(one["what"], one["before"], one["after"]) for one in history["activations"]] == [
        ("deployed", None, 1),
        ("deployed", 1, 2),
        ("rolled back", 2, 1),
        ("rolled back", 1, 2),
    ]


def test_what_is_wrong_changes_nothing(cli: _Cli) -> None:
    cli.write("three")
    assert "greet.yaml" in cli("orchestrator", "deploy", exit_code=1)
    cli.write("two", **{"id: greet": "id: greet\nversion: 1"})
    refused = cli("orchestrator", "deploy", exit_code=1)
    assert "version 1 is deployed with other content" in refused
    assert "set it to 2" in refused
    assert [row["versions"] for row in cli.objects("workflows", "list")] == [[1]]


def test_what_is_deployed_can_be_printed_and_deployed_again(cli: _Cli) -> None:
    (cli.folder / "copy.yaml").write_text(cli("workflows", "get", "greet"), encoding="utf-8")
    assert cli.objects("orchestrator", "deploy", "copy.yaml")[0]["change"] == "unchanged"
