"""The gateway as clients see it: the real processes, the embedded broker, models that follow a script."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.e2e.commands import COMMAND, PATIENCE, Cli, environment
from tests.gateway.requests import events

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: gateway
topics: {partitions: 2}
models:
  sound: {provider: scripted, options: {default: "This is the answer.", piece_delay: 0.02}}
ask: {models: [sound], retrieve: false, stream: true}
server: {port: 0}
workflows: [refund.yaml]
"""
_REFUND = """\
id: refund
deadline: 5m
steps:
  approval: {kind: wait, signal: approval, timeout: 4m}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (folder / "refund.yaml").write_text(_REFUND, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


@pytest.fixture(scope="module")
def address(cli: Cli) -> str:
    """The gateway beside the worker."""
    found: str = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]
    return found


@pytest.fixture(scope="module")
def other(cli: Cli) -> Iterator[str]:
    """A second gateway, a process of its own."""
    command = [*COMMAND, "orchestrator", "gateway", "--json"]
    process = subprocess.Popen(  # noqa: S603  # our own command
        command, cwd=cli.folder, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process.stdout:
        try:
            yield json.loads(process.stdout.readline())["gateway"]
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()


async def post(address: str, body: Any, path: str = "/v1/tasks", **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"http://{address}{path}", json=body, headers=named) as answer,
    ):
        return answer.status, json.loads(await answer.text())


async def get(address: str, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}{path}", headers=headers) as answer:
        return answer.status, json.loads(await answer.text())


async def ready(address: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await get(address, "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.1)


async def test_that_two_processes_are_one_gateway(address: str, other: str) -> None:
    await ready(address)
    await ready(other)
    body = {"input": {"question": "why?"}}
    said = await asyncio.gather(*(post(place, body, Idempotency_Key="k") for place in (address, other) * 3))
    assert {status for status, _ in said} == {202}
    assert len({one["id"] for _, one in said}) == 1
    place = said[0][1]["result"]
    for gateway in (address, other):
        status, result = await get(gateway, place, Prefer="wait=30")
        assert (status, result["answer"]) == (200, "This is the answer.")
        assert (await post(gateway, {"input": {}}, Idempotency_Key="k"))[0] == 409
    other_status, task = await get(other, f"/v1/tasks/{said[0][1]['id']}")
    assert (other_status, task["status"]) == (200, "succeeded")


async def test_that_the_run_of_a_task_is_the_one_that_the_commands_show(cli: Cli, address: str) -> None:
    await ready(address)
    status, result = await post(address, {"input": {"question": "?"}, "metadata": {"a": "b"}}, Prefer="wait=30")
    assert (status, result["status"], result["metadata"]) == (200, "succeeded", {"a": "b"})
    assert result["task_id"] in cli("runs", "show", result["task_id"])


async def test_that_a_failed_task_is_a_result_too(address: str) -> None:
    await ready(address)
    status, result = await post(address, {"input": {}}, Prefer="wait=30")
    assert (status, result["status"], result["error"]["code"]) == (200, "failed", "invalid_input")


async def test_that_an_answer_is_streamed_while_it_is_made_and_the_run_shown(
    cli: Cli, address: str, other: str
) -> None:
    await ready(address)
    await ready(other)
    status, task = await post(address, {"workflow": "ask", "input": {"question": "streamed?"}})
    assert status == 202
    async with asyncio.timeout(PATIENCE):
        while (await get(other, f"/v1/tasks/{task['id']}"))[0] == 404:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    async with aiohttp.ClientSession() as http, http.get(f"http://{other}/v1/tasks/{task['id']}/events") as answer:
        found = [event async for event in events(answer)]
    *pieces, result = [event for event in found if "event" in event]
    assert "".join(json.loads(one["data"])["text"] for one in pieces) == "This is the answer."
    assert json.loads(result["data"])["answer"] == "This is the answer."
    status, run = await get(address, f"/v1/runs/{task['id']}")
    shown = cli.objects("runs", "show", task["id"])[0]
    assert status == 200
    assert run | {"at": ""} == shown | {"at": ""}
    listed = (await get(other, "/v1/tasks?limit=100"))[1]["data"]
    assert listed[0] | {"accepted_at": ""} == {
        "id": task["id"],
        "workflow": "ask",
        "status": "succeeded",
        "tenant": "",
        "parent": "",
        "metadata": {},
        "accepted_at": "",
    }
    assert (await get(address, "/v1/runs/nothing"))[1]["code"] == "unknown_run"


async def test_that_a_run_is_approved_or_cancelled(address: str) -> None:
    await ready(address)
    waiting = {"workflow": "refund", "input": {}}
    (_, approved), (_, cancelled) = await post(address, waiting), await post(address, waiting)
    status, result = await post(address, {"payload": "yes"}, f"/v1/tasks/{approved['id']}/signals/approval")
    assert (status, result["status"]) == (202, "accepted")
    status, result = await get(address, approved["result"], Prefer="wait=30")
    assert (status, result["status"], result["answer"]) == (200, "succeeded", "yes")
    status, result = await post(address, {}, f"/v1/tasks/{cancelled['id']}/cancel", Prefer="wait=30")
    assert (status, result["status"]) == (200, "cancelled")


def test_that_a_gateway_needs_a_broker(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Cli(tmp_path_factory.mktemp("nothing"))
    assert "no orchestrator is running here" in elsewhere("orchestrator", "gateway", exit_code=1)
    servers = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["bootstrap_servers"]
    (elsewhere.folder / "meta-ai.yaml").write_text("gateway: {bind_address: 0.0.0.0}\n", encoding="utf-8")
    said = elsewhere("orchestrator", "gateway", "--bootstrap-servers", servers, exit_code=1)
    assert "can be reached from other machines" in said
