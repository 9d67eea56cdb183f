"""A task that a policy wants to be approved: from the request to the result, with the real processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.e2e.commands import PATIENCE, Cli
from tests.e2e.test_gateway import get, post, ready

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: approval
topics: {partitions: 2}
models:
  plain: {provider: scripted, options: {default: "Done."}}
ask: {models: [plain], retrieve: false}
server: {port: 0}
gateway:
  security:
    policies:
      - name: large
        when: "task.input.question.contains('refund')"
        effect: require_approval
        reason: a second pair of eyes
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("approval")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


@pytest.fixture(scope="module")
def address(cli: Cli) -> str:
    found: str = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]
    return found


async def sent(address: str) -> str:
    await ready(address)
    status, said = await post(address, {"input": {"question": "May I refund it?"}})
    assert status == 202
    async with asyncio.timeout(PATIENCE):
        path = f"/v1/runs/{said['id']}"
        while "approval" not in (view := (await get(address, path))[1])["waits"]:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.1)
    assert view["waits"] == "for an approval, which the policy large wants: a second pair of eyes"
    task_id: str = said["id"]
    return task_id


async def test_that_a_run_begins_when_an_operator_approves_it(cli: Cli, address: str) -> None:
    task_id = await sent(address)
    assert cli("runs", "approve", task_id, "--reason", "seen") == f"approved {task_id}\n"
    _, result = await get(address, f"/v1/results/{task_id}", Prefer="wait=30")
    assert (result["status"], result["answer"]) == ("succeeded", "Done.")
    (line,) = [one for one in cli.objects("audit", "list") if one["action"] == "task.approved"]
    assert (line["subject"], line["details"]["reason"]) == (task_id, "seen")


async def test_that_a_rejection_ends_it_and_says_why(address: str) -> None:
    task_id = await sent(address)
    status, _ = await post(address, {"reason": "too much"}, f"/v1/tasks/{task_id}/reject")
    assert status == 202
    _, result = await get(address, f"/v1/results/{task_id}", Prefer="wait=30")
    assert (result["status"], result["error"]["code"]) == ("failed", "not_approved")
    assert result["error"]["message"].endswith(
        "rejected the task, which the policy large wanted to be approved: too much"
    )


async def test_that_other_runs_have_nothing_to_approve(cli: Cli, address: str) -> None:
    await ready(address)
    status, _ = await post(address, {"input": {"question": "Why?"}}, Prefer="wait=30")
    assert status == 200
    assert "unknown run nothing" in cli("runs", "approve", "nothing", exit_code=1)
