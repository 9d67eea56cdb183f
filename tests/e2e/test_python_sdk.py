"""The Python client against the real processes: its page, block by block, and what a page has no room for."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meta_ai_orchestrator import (
    AsyncClient,
    Client,
    ConflictError,
    KafkaClient,
    NotFoundError,
    TaskCancelledError,
    UnprocessableEntityError,
)
from meta_ai_orchestrator.events import StreamedText
from meta_ai_orchestrator.types import Result, ResultChunk
from tests.docs.pages import Block, blocks
from tests.e2e.commands import PATIENCE, Cli, environment

pytestmark = pytest.mark.slow

_PAGES = ("docs/sdk-python.md",)
_ANSWER = "Under My orders, with the number of your order."
_CONFIG = f"""\
app_id: python-sdk
topics: {{partitions: 2}}
models:
  sound: {{provider: scripted, options: {{default: "{_ANSWER}", piece_delay: 0.02}}}}
ask: {{models: [sound], retrieve: false}}
server: {{port: 0}}
workflows: [support.yaml, refund.yaml]
"""
_SUPPORT = """\
id: customer-support-qa
input: {question: string}
steps:
  answer: {kind: ask, models: [sound], stream: true, prompt: "{{ input.question }}"}
"""
_REFUND = """\
id: refund
steps:
  approval: {kind: wait, signal: approval, timeout: 4m}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("python-sdk")
    for name, text in (("meta-ai.yaml", _CONFIG), ("support.yaml", _SUPPORT), ("refund.yaml", _REFUND)):
        (folder / name).write_text(text, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


@pytest.fixture(scope="module")
def places(cli: Cli) -> dict[str, Any]:
    """Where the orchestrator says that it is."""
    found: dict[str, Any] = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def client(places: dict[str, Any]) -> Iterator[Client]:
    with Client(base_url=f"http://{places['gateway']}/v1") as found:
        yield found


@pytest.mark.parametrize("block", blocks("python", pages=_PAGES), ids=str)
def test_that_the_page_runs_as_printed(block: Block, places: dict[str, Any], tmp_path: Path) -> None:
    program = block.text.replace('api_key="…"', 'api_key="any"').replace("127.0.0.1:9092", places["bootstrap_servers"])
    done = subprocess.run(  # noqa: S603  # our own page
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env={**environment(), "META_AI_BASE_URL": f"http://{places['gateway']}/v1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "print(result" in program or "print(event.text" in program:
        assert _ANSWER in done.stdout
    if "Flow(" in program:
        assert done.stdout == "new\nHello Ada\n"


def test_that_the_example_works_exactly_as_written(places: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_AI_BASE_URL", f"http://{places['gateway']}/v1")
    answer = Client(api_key="any").run_workflow(
        "customer-support-qa", inputs={"question": "How can I track my order?"}
    )["answer"]
    assert answer == _ANSWER


def test_that_a_stream_has_each_piece_once_and_can_go_on(client: Client) -> None:
    events = list(client.stream_workflow("customer-support-qa", {"question": "Where?"}))
    result, text = events[-1], StreamedText()
    pieces = [event for event in events if isinstance(event, ResultChunk)]
    for piece in pieces:
        text.add(piece)  # type: ignore[arg-type]  # it reads attributes that both have
    assert isinstance(result, Result)
    assert text.text == result.answer == _ANSWER
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    assert list(client.tasks.stream(result.task_id, last_event_id="result")) == []


def test_a_run_that_waits_for_people(client: Client) -> None:
    task = client.tasks.create(workflow="refund", input={}, idempotency_key="refund-1")
    assert client.tasks.create(workflow="refund", input={}, idempotency_key="refund-1").id == task.id
    with pytest.raises(ConflictError) as raised:
        client.tasks.create(workflow="refund", input={"x": 1}, idempotency_key="refund-1")
    assert raised.value.code == "idempotency_conflict"
    assert raised.value.request_id
    assert client.results.get(task.id) is None
    client.tasks.signal(task.id, "approval", {"ok": True})
    assert client.results.wait(task.id, timeout=PATIENCE).answer == {"ok": True}
    other = client.tasks.create(workflow="refund", input={}, idempotency_key="refund-2")
    client.tasks.cancel(other.id, reason="no longer needed")
    with pytest.raises(TaskCancelledError):
        client.run_workflow("refund", {}, idempotency_key="refund-2")
    assert {run.status for run in client.runs.list(workflow="refund", limit=1)} == {"succeeded", "cancelled"}


def test_what_operators_do(client: Client) -> None:
    spec = {"id": "echo", "steps": {"said": {"kind": "transform", "value": "input.text"}}}
    assert client.workflows.validate(spec).valid
    assert not client.workflows.validate("id: 3").valid
    assert client.workflows.deploy(spec, dry_run=True).dry_run
    assert client.workflows.deploy(spec).change == "new"
    assert client.workflows.get("echo")["id"] == "echo"
    assert [one.version for one in client.workflows.versions("echo")] == [1]
    with pytest.raises(UnprocessableEntityError) as raised:
        client.workflows.deploy("id: echo\nsteps: {}")
    assert raised.value.errors
    result = client.run_workflow("echo", {"text": "hello"}, metadata={"from": "test"})
    assert (result.answer, result.metadata) == ("hello", {"from": "test"})
    assert client.feedback.create(result.task_id, thumb="up", comment="right").thumb == "up"
    assert [one.comment for one in client.tasks.feedback(result.task_id)] == ["right"]
    assert client.spend.get(by="model").total.cost >= 0
    assert client.metrics.query(by="workflow").by == "workflow"
    assert "echo" in {card.id for card in client.models.list()}
    assert client.adapters.get("openai").features
    assert client.config.get()["app_id"] == "python-sdk"
    assert [*client.prices.list(), *client.connectors.list(), *client.budgets.list(), *client.dead_letters.list()]
    assert re.match("workflow", next(iter(client.audit.list(action="workflow"))).action)
    with pytest.raises(NotFoundError):
        client.documents.get("nothing")
    assert client.documents.add("docs/guide.md", "# Guide").status == "pending"
    assert client.documents.get("docs/guide.md").id == "docs/guide.md"
    assert client.documents.delete("docs/guide.md").id == "docs/guide.md"


async def test_both_ways_in_lead_to_the_same_run(places: dict[str, Any]) -> None:
    async with (
        AsyncClient(base_url=f"http://{places['gateway']}") as http,
        KafkaClient(places["bootstrap_servers"]) as kafka,
    ):
        task_id = await kafka.send_task("customer-support-qa", {"question": "Where?"}, id="both-1")
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    result = await http.results.wait(task_id, timeout=PATIENCE)
                    break
                except NotFoundError:  # the gateway has not seen it yet
                    await asyncio.sleep(0.05)
        assert (await kafka.last_results({task_id}))[task_id] == result
        assert "both-1" in [one.id async for one in http.tasks.list(workflow="customer-support-qa", limit=2)]
