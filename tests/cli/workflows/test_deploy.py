from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.settings import TopicSettings

WORKFLOW = "id: w\nsteps:\n  say:\n    kind: ask\n    models: [local]\n    prompt: hello\n"


class _Commands:
    """Runs `meta-ai orchestrator …` against topics of their own, with one workflow in the configuration."""

    def __init__(self, connection: Connection) -> None:
        topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
        asyncio.run(ensure_topics(connection, topics))
        Path("meta-ai.yaml").write_text(
            f"topics: {{prefix: {topics.prefix}, partitions: 2}}\nworkflows: [w.yaml]\n", encoding="utf-8"
        )
        self._servers = connection.bootstrap_servers
        self.write()

    def write(self, prompt: str = "hello", more: str = "") -> None:
        Path("w.yaml").write_text(more + WORKFLOW.replace("hello", prompt), encoding="utf-8")

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(build(), ["orchestrator", *arguments, "--bootstrap-servers", self._servers])

    def workflows(self, *arguments: str) -> Result:
        return CliRunner().invoke(build(), ["workflows", *arguments, "--bootstrap-servers", self._servers])


@pytest.fixture
def meta_ai(embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Commands:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    return _Commands(embedded)


def test_that_it_deploys_once_and_then_changes_nothing(meta_ai: _Commands) -> None:
    first = meta_ai("deploy")
    assert (first.exit_code, first.stdout) == (0, "w: version 1 is new and becomes active\n")
    again = meta_ai("deploy")
    assert (again.exit_code, again.stdout) == (0, "w: version 1 is already active\nnothing to change\n")


def test_that_a_dry_run_shows_the_differences_and_changes_nothing(meta_ai: _Commands) -> None:
    meta_ai("deploy")
    meta_ai.write("bye")
    for _ in range(2):
        shown = meta_ai("deploy", "--dry-run").stdout.splitlines()
        assert shown[0] == "w: version 2 is new and becomes active instead of version 1"
        assert "  -    prompt: hello" in shown
        assert "  +    prompt: bye" in shown
        assert shown[-1] == "dry run: nothing was changed"


def test_that_programs_get_an_object_for_each_workflow(meta_ai: _Commands) -> None:
    meta_ai("deploy")
    meta_ai.write("bye")
    found = json.loads(meta_ai("deploy", "--json").stdout)
    assert (found["workflow"], found["change"], found["before"], found["version"]) == ("w", "version", 1, 2)
    assert "+    prompt: bye" in found["diff"]
    assert found["dry_run"] is False


def test_that_files_can_be_named_instead(meta_ai: _Commands) -> None:
    Path("v.yaml").write_text(WORKFLOW.replace("id: w", "id: v"), encoding="utf-8")
    assert meta_ai("deploy", "v.yaml").stdout == "v: version 1 is new and becomes active\n"


def test_that_what_was_deployed_before_is_activated(meta_ai: _Commands) -> None:
    for prompt in ("hello", "bye"):
        meta_ai.write(prompt)
        meta_ai("deploy")
    meta_ai.write("hello")
    shown = meta_ai("deploy").stdout.splitlines()
    assert shown[0] == "w: version 1, already deployed, becomes active instead of version 2"


def test_that_what_looks_wrong_is_a_warning_beside_the_plan(meta_ai: _Commands) -> None:
    Path("w.yaml").write_text(WORKFLOW + "    when: 'true'\n    timeout: 10m\n", encoding="utf-8")
    found = meta_ai("deploy", "--json")
    assert json.loads(found.stdout)["change"] == "new"
    assert "warning: w.yaml:8: steps.say.timeout" in found.stderr


def test_that_what_is_wrong_is_named_with_its_line_and_nothing_is_deployed(meta_ai: _Commands) -> None:
    meta_ai.write("'{{ inputs.x }}'")
    Path("v.yaml").write_text(WORKFLOW.replace("id: w", "id: v"), encoding="utf-8")
    refused = meta_ai("deploy", "v.yaml", "w.yaml")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "w.yaml:6: steps.say.prompt" in refused.stderr
    assert "version 1 is new" in meta_ai("deploy", "v.yaml").stdout


def test_that_a_version_with_other_content_is_refused(meta_ai: _Commands) -> None:
    meta_ai("deploy")
    meta_ai.write("bye", "version: 1\n")
    refused = meta_ai("deploy")
    assert refused.exit_code == 1
    assert "version 1 is deployed with other content" in refused.stderr


def test_that_rolling_back_goes_back_and_back_and_by_number_forward(meta_ai: _Commands) -> None:
    for prompt in ("a", "b", "c"):
        meta_ai.write(prompt)
        meta_ai("deploy")
    assert meta_ai("rollback", "w", "--dry-run").stdout.splitlines()[-1] == "dry run: nothing was changed"
    reached = [json.loads(meta_ai("rollback", "w", "--json").stdout)["version"] for _ in range(2)]
    assert reached == [2, 1]
    none_left = meta_ai("rollback", "w")
    assert none_left.exit_code == 1
    assert "no earlier version was active; choose one with --to: 1, 2, 3" in none_left.stderr
    assert json.loads(meta_ai("rollback", "w", "--to", "3", "--json").stdout)["version"] == 3
    assert meta_ai("rollback", "w", "--to", "3").stdout.splitlines()[-1] == "nothing to change"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["rollback", "x"], "workflow x is not deployed; deployed workflows: w"),
        (["rollback", "w", "--to", "9"], "w: unknown version 9; deployed versions: 1"),
    ],
)
def test_that_what_is_not_there_is_said(meta_ai: _Commands, arguments: list[str], reason: str) -> None:
    meta_ai("deploy")
    refused = meta_ai(*arguments)
    assert (refused.exit_code, refused.stderr) == (1, f"meta-ai: {reason}\n")


def test_that_without_workflows_the_fix_is_named(meta_ai: _Commands) -> None:
    Path("meta-ai.yaml").write_text("app_id: x\n", encoding="utf-8")
    refused = meta_ai("deploy")
    assert (refused.exit_code, "name files, or set `workflows`" in refused.stderr) == (1, True)


def test_that_a_client_loads_no_server() -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import app.cli.workflows.deploy, app.cli.workflows.deployed\n"
        "heavy = ('faust', 'openai', 'anthropic', 'jinja2', 'cel')\n"
        "sys.exit(','.join(name for name in heavy if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own code
    assert (done.returncode, done.stderr) == (0, "")


ODD = """\
id: w
description: "yes\\ton 1e3 ~ # é 😀\\u2028 end"
input:
  properties:
    "<<": {const: "007"}
    "on": {default: 123456789012345678901234567890}
    "a b": {enum: [null, -0.0, 1.0]}
steps:
  say:
    kind: ask
    models: [local]
    prompt: |
      {% if input.on %}
      \t{{ input.on }}: - [x]
      {% endif %}
    cache: 90
    timeout: 1m30s
    retry: {attempts: 3}
    fallback: {value: null}
"""


@pytest.mark.parametrize(
    "text", [WORKFLOW, ODD, WORKFLOW.replace("hello", '"{{ input.q }} \\r\\n "'), f"version: 7\n{WORKFLOW}"]
)
def test_that_what_get_prints_is_what_deploy_takes(meta_ai: _Commands, text: str) -> None:
    Path("v.yaml").write_text(text.replace("id: w", "id: v"), encoding="utf-8")
    assert meta_ai("deploy", "v.yaml").exit_code == 0
    for options, name in ([], "got.yaml"), (["--json"], "got.json"):
        got = meta_ai.workflows("get", "v", *options).stdout
        Path(name).write_text(got, encoding="utf-8")
        again = meta_ai("deploy", name)
        assert again.stdout.splitlines()[-1] == "nothing to change", again.exception
    changed = Path("got.yaml").read_text(encoding="utf-8").replace("kind: ask", "kind: ask\n    optional: true")
    Path("got.yaml").write_text(changed, encoding="utf-8")
    number = 8 if text.startswith("version") else 2
    line = meta_ai("deploy", "got.yaml").stdout.splitlines()[0]
    assert line == f"v: version {number} is new and becomes active instead of version {number - 1}"
