from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.client.client import Client, attach
from app.settings import Settings, TopicSettings
from tests.cli.runlog import Log, answered, publish
from topics import TASKS
from topics.base import Failure
from topics.tasks import Parent, Task


class _Cli:
    """Runs commands against the embedded broker, each in a thread, as it has an event loop of its own."""

    def __init__(self, connection: Connection, config: Path, client: Client) -> None:
        self.servers, self.config = connection.bootstrap_servers, config
        self._client = client

    async def publish(self, log: Log) -> None:
        await publish(self._client, log)

    async def tasks(self) -> list[Task]:
        """Return what is on the topic `tasks`."""
        async with self._client.read(TASKS, from_beginning=True) as reader:
            return [TASKS.parse(record.value, max_bytes=100_000) async for record in reader.held()]

    async def __call__(self, *arguments: str) -> Result:
        line = [*arguments, "--bootstrap-servers", self.servers, "--config", str(self.config)]
        return await asyncio.to_thread(CliRunner().invoke, build(), ["runs", *line])

    async def objects(self, *arguments: str) -> list[Any]:
        done = await self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest_asyncio.fixture
async def cli(embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Cli]:
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    config = tmp_path / "meta-ai.yaml"
    config.write_text(f"topics: {{prefix: {topics.prefix}, partitions: 2}}\n", encoding="utf-8")
    await ensure_topics(embedded, topics)
    async with attach(Settings(topics=topics), embedded) as client:
        await publish(client, answered())
        waiting = Log("w-1")
        waiting.task(workflow="other")
        await publish(client, waiting)
        child = Log("w-1/s/workflow/1")
        child.task(workflow="leaf", parent=Parent(task_id="w-1", step="s", request_id="w-1/s/workflow/1"))
        await publish(client, child)
        yield _Cli(embedded, config, client)


async def test_runs_are_listed_and_picked(cli: _Cli) -> None:
    rows = {row["id"]: row for row in await cli.objects("list")}
    assert (rows["q-1"]["status"], rows["q-1"]["seconds"], rows["q-1"]["tokens"]) == ("succeeded", 4.0, 1234)
    assert rows["w-1"]["status"] == "running"
    assert [row["id"] for row in await cli.objects("list", "--status", "running")] == ["w-1"]
    assert [row["id"] for row in await cli.objects("list", "--workflow", "ask")] == ["q-1"]
    assert {row["id"] for row in await cli.objects("list", "--since", "1h")} == {"w-1"}
    shown = await cli("list", "--limit", "1")
    assert "w-1" in shown.stdout
    assert shown.stderr == "1 more: --limit\n"
    assert (await cli("list", "--workflow", "none")).stdout == "no runs\n"


async def test_children_are_listed_when_they_are_asked_for(cli: _Cli) -> None:
    assert [row["id"] for row in await cli.objects("list", "--workflow", "leaf")] == ["w-1/s/workflow/1"]
    rows = {row["id"]: row["parent"] for row in await cli.objects("list", "--children")}
    assert rows == {"q-1": "", "w-1": "", "w-1/s/workflow/1": "w-1"}
    assert {row["id"] for row in await cli.objects("list")} == {"q-1", "w-1"}


async def test_a_run_is_shown_to_people_programs_and_github(cli: _Cli) -> None:
    shown = (await cli("show", "w-1")).stdout
    assert shown.startswith("w-1  other  waits to be accepted")
    (view,) = await cli.objects("show", "q-1")
    assert view["result"]["answer"] == "Because."
    assert (await cli("show", "q-1", "--mermaid")).stdout.startswith('flowchart LR\n  s0["retrieve')
    assert "Because." in (await cli("show", "q-1")).stdout


async def test_waiting_for_a_run_that_ended_prints_its_result(cli: _Cli) -> None:
    done = await cli("wait", "q-1")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "Because.")
    assert (await cli.objects("wait", "q-1"))[0]["task_id"] == "q-1"


async def test_a_signal_is_sent(cli: _Cli) -> None:
    done = await cli("signal", "w-1", "approval", "--data", '{"by": "eve"}')
    assert (done.exit_code, done.stdout) == (0, "signalled w-1: approval\n")
    (view,) = await cli.objects("show", "w-1")
    assert [(one["kind"], one["name"]) for one in view["signals"]] == [("signal", "approval")]
    assert view["signals"][0]["actor"].startswith("meta-ai:")


async def test_a_cancellation_without_effect_is_one_line(cli: _Cli) -> None:
    done = await cli("cancel", "w-1", "--reason", "enough", "--timeout", "0.2")
    assert (done.exit_code, done.stderr) == (
        1,
        "meta-ai: the run w-1 has not ended within 200ms: meta-ai runs show w-1\n",
    )
    (view,) = await cli.objects("show", "w-1")
    assert [(one["kind"], one["name"]) for one in view["signals"]] == [("cancel", "enough")]


@pytest.mark.parametrize(
    "command", [["show"], ["wait"], ["cancel"], ["retry"], ["signal", "go"], ["fuse", "--strategy", "vote"]]
)
async def test_a_run_that_is_not_known_is_one_line(cli: _Cli, command: list[str]) -> None:
    done = await cli(command[0], "absent", *command[1:])
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "unknown run absent; see meta-ai runs list" in done.stderr


@pytest.mark.parametrize("command", [["cancel"], ["signal", "go"]])
async def test_a_run_that_is_over_is_told_nothing(cli: _Cli, command: list[str]) -> None:
    done = await cli(command[0], "q-1", *command[1:])
    assert (done.exit_code, done.stderr) == (1, "meta-ai: the run q-1 has already ended: succeeded\n")


async def test_recorded_answers_are_fused_again(cli: _Cli) -> None:
    (found,) = await cli.objects("fuse", "q-1", "--strategy", "concat", "-o", "separator=/")
    assert (found["step"], found["same"], found["recorded"]["answer"]) == ("answer", False, "Because.")
    assert "Because." in found["again"]["answer"]
    assert "a different answer" in (await cli("fuse", "q-1", "--strategy", "concat")).stdout


async def _fail(cli: _Cli, task_id: str, **task: Any) -> None:
    """Leave a run that failed on the topics, and a later task with its id that is none of its own."""
    log = Log(task_id)
    log.task(**task)
    log.result(1.0, status="failed", error=Failure(code="timeout", message="no"))
    log.put(TASKS, Task(id=task_id, input={"question": "other"}), 2.0)
    await cli.publish(log)


async def test_a_failed_run_is_sent_again_as_a_new_task(cli: _Cli) -> None:
    parent = Parent(task_id="p", step="s", request_id="p/s/1")
    over = datetime(2026, 1, 15, 9, tzinfo=UTC)
    await _fail(cli, "f-1", tenant="acme", priority=7, metadata={"team": "a"}, deadline=over, parent=parent)
    assert await cli.objects("retry", "f-1") == [{"id": "f-1.retry-1", "retry_of": "f-1"}]
    sent = next(task for task in await cli.tasks() if task.id == "f-1.retry-1")
    assert sent.input == {"question": "why?"}  # and not that of the later task
    assert (sent.tenant, sent.priority, sent.deadline, sent.parent) == ("acme", 7, None, None)
    assert sent.metadata == {"team": "a", "retry_of": "f-1"}
    again = await cli("retry", "f-1")
    assert (again.exit_code, again.stderr) == (
        1,
        "meta-ai: f-1 was sent again as f-1.retry-1, which is running: meta-ai runs show f-1.retry-1\n",
    )


@pytest.mark.parametrize("deadline", [None, datetime(2999, 1, 1, tzinfo=UTC)])
async def test_a_deadline_that_is_to_come_stays(cli: _Cli, deadline: datetime | None) -> None:
    await _fail(cli, "f-2", deadline=deadline)
    assert (await cli("retry", "f-2", "--id", "任务-😀")).stdout == "任务-😀  retry of f-2\n"
    assert [task.deadline for task in await cli.tasks() if task.id == "任务-😀"] == [deadline]


async def test_the_retries_of_a_run_are_counted(cli: _Cli) -> None:
    for task_id in ("f-3", "f-3.retry-1", "f-3.retry-2"):
        await _fail(cli, task_id)
    assert await cli.objects("retry", "f-3") == [{"id": "f-3.retry-3", "retry_of": "f-3"}]
    await _fail(cli, "f-4.retry-9")
    assert (await cli.objects("retry", "f-4.retry-9"))[0]["id"] == "f-4.retry-10"


async def test_what_cannot_be_sent_again_is_one_line(cli: _Cli) -> None:
    succeeded = await cli("retry", "q-1")
    assert succeeded.stderr == "meta-ai: the run q-1 succeeded; to run it again, send its task with a new id\n"
    running = await cli("retry", "w-1")
    assert running.stderr == "meta-ai: the run w-1 has not ended; to stop it: meta-ai runs cancel w-1\n"
    lost = Log("f-5")
    lost.result(1.0, status="cancelled")
    await cli.publish(lost)
    assert "the task f-5 is no longer on the topic tasks" in (await cli("retry", "f-5")).stderr
    await _fail(cli, "f" * 200)
    assert "choose an id with --id" in (await cli("retry", "f" * 200)).stderr


@pytest.mark.parametrize(("wrong", "meant"), [("Q-1", "q-1"), ("q_1", "q-1"), ("w-1/s/workflow", "w-1/s/workflow/1")])
async def test_a_misspelt_run_is_guessed(cli: _Cli, wrong: str, meant: str) -> None:
    done = await cli("show", wrong)
    assert done.stderr == f"meta-ai: unknown run {wrong}; did you mean `{meant}`? see meta-ai runs list\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "x", "--mermaid", "--json"],
        ["list", "--since", "soon"],
        ["retry", "a", "b", "--id", "c"],
        ["retry", "a", "--id", "x" * 201],
        ["wait", "a", "--timeout", "0s"],
        ["list", "--status", "odd"],
        ["signal", "x", "go", "--data", "{"],
        ["signal", "x", "n" * 101],
        ["fuse", "x"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(build(), ["runs", *arguments]).exit_code == 2
