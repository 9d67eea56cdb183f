from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import configuration
from app.admin import deployments
from app.admin.publishing import publish
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.workflows import workflow_files
from app.cli.workflows.deployed import app
from app.client.client import attach
from app.settings import Settings, TopicSettings
from app.source.writing import to_yaml
from app.workflows.definition.deployment import plain, plan
from app.workflows.definition.spec import Workflow


def _spec(prompt: str, name: str = "w") -> Workflow:
    steps = {"say": {"kind": "ask", "models": ["m"], "prompt": prompt}}
    return Workflow.model_validate({"id": name, "steps": steps})


class _Commands:
    """Runs the commands against topics of their own."""

    def __init__(self, connection: Connection) -> None:
        self.settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
        self._connection = connection
        Path("meta-ai.yaml").write_text(f"topics: {{prefix: {self.settings.topics.prefix}, partitions: 2}}\n")

    def deploy(self, *rounds: list[Workflow]) -> None:
        async def work() -> None:
            await ensure_topics(self._connection, self.settings.topics)
            async with attach(self.settings, self._connection) as client:
                for specs in rounds:
                    deployed = await deployments.read(client)
                    await publish(client, plan(specs, deployed.specs, deployed.numbers), "eve")

        asyncio.run(work())

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--bootstrap-servers", self._connection.bootstrap_servers])


@pytest.fixture
def commands(embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("META_AI_CONFIG", raising=False)
    return _Commands(embedded)


def test_that_an_empty_topic_lists_nothing(commands: _Commands) -> None:
    commands.deploy()
    assert commands("list").stdout == "no workflows deployed; the built-in workflow `ask` is always available\n"
    assert commands("list", "--json").stdout == ""


def test_that_each_workflow_is_listed_with_its_active_version(commands: _Commands) -> None:
    commands.deploy([_spec("a"), _spec("a", "v")], [_spec("b")])
    shown = commands("list").stdout.splitlines()
    assert [line.split()[:2] for line in shown] == [["workflow", "active"], ["v", "1"], ["w", "2"]]
    found = json.loads(commands("list", "--json").stdout.splitlines()[1])
    assert (found["workflow"], found["active"], found["versions"], found["by"]) == ("w", 2, [1, 2], "eve")


def test_that_the_history_says_which_when_and_who(commands: _Commands) -> None:
    commands.deploy([_spec("a")], [_spec("b")], [_spec("a")])
    found = json.loads(commands("history", "w", "--json").stdout)
    assert [(one["version"], one["active"], one["by"]) for one in found["versions"]] == [
        (1, True, "eve"),
        (2, False, "eve"),
    ]
    assert [(one["what"], one["before"], one["after"]) for one in found["activations"]] == [
        ("deployed", None, 1),
        ("deployed", 1, 2),
        ("activated", 2, 1),
    ]
    shown = commands("history", "w").stdout
    assert found["versions"][0]["digest"] in shown
    assert "activated" in shown


def test_that_a_version_is_printed_as_the_yaml_that_can_be_deployed(commands: _Commands) -> None:
    commands.deploy([_spec("a")], [_spec("b")])
    first, second = ({**plain(_spec(prompt), 1)} for prompt in "ab")
    del first["version"], second["version"]
    assert commands("get", "w").stdout == f"# w, version 2\n{to_yaml(second)}"
    assert commands("get", "w", "--version", "1").stdout == f"# w, version 1\n{to_yaml(first)}"
    assert json.loads(commands("get", "w", "--json").stdout) == plain(_spec("b"), 2)


def test_that_the_built_in_workflow_is_printed_to_be_deployed_in_its_place(commands: _Commands) -> None:
    commands.deploy()
    with Path("meta-ai.yaml").open("a", encoding="utf-8") as file:
        file.write("models: {one: {provider: scripted}}\nask: {strategy: vote, deadline: 30s}\n")
    Path("ask.yaml").write_text(found := commands("get", "ask").stdout, encoding="utf-8")
    assert found.startswith("# ask, built in\nid: ask\n")
    assert "deadline: 30s\n" in found
    assert "strategy: vote" in found
    (loaded,) = workflow_files.load(configuration.load(None, {}), [Path("ask.yaml")])
    commands.deploy([loaded.spec])
    assert commands("get", "ask").stdout.startswith("# ask, version 1\n")
    assert str(commands("get", "ask", "--version", "2").exception) == "ask: unknown version 2; deployed versions: 1"


def test_that_its_durations_have_units(commands: _Commands) -> None:
    commands.deploy([Workflow.model_validate({**plain(_spec("a"), 1), "deadline": "5m"})])
    assert "deadline: 5m\n" in commands("get", "w").stdout
    assert json.loads(commands("get", "w", "--json").stdout)["deadline"] == 300.0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["get", "x"], "workflow x is not deployed; deployed workflows: w"),
        (["history", "x"], "workflow x is not deployed; deployed workflows: w"),
        (["get", "w", "--version", "3"], "w: unknown version 3; deployed versions: 1"),
    ],
)
def test_that_what_is_not_there_is_said_with_what_is(commands: _Commands, arguments: list[str], reason: str) -> None:
    commands.deploy([_spec("a")])
    assert str(commands(*arguments).exception) == reason
