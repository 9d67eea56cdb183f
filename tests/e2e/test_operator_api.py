"""What operators do over HTTP, with the real processes: deploy, add documents, see costs and figures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.e2e.commands import PATIENCE, Cli
from tests.gateway.requests import call

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: operators
topics: {partitions: 2}
models: {one: {provider: scripted, options: {default: "Two years."}, price: {input: 1.0, output: 2.0}}}
ask: {models: [one]}
retrieval: {embedder: hashing}
server: {port: 0}
"""
_WORKFLOW = """\
id: warranty
steps:
  answer: {kind: ask, models: [one], prompt: "{{ input.question }}"}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("operators")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    with Cli(folder).hosted():
        yield json.loads((folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]


async def until(http: aiohttp.ClientSession, path: str, field: str, value: Any) -> dict[str, Any]:
    """Return what is at a path when a field of it has this value."""
    async with asyncio.timeout(PATIENCE):
        while True:
            _, said = await call(http, "GET", path)
            if said.get(field) == value:
                return said
            await asyncio.sleep(0.2)


async def test_that_a_workflow_that_is_deployed_over_http_runs_and_is_seen_in_costs_and_figures(address: str) -> None:
    async with aiohttp.ClientSession(f"http://{address}") as http:
        headers = {"Content-Type": "application/yaml"}
        async with http.post("/v1/workflows", data=_WORKFLOW.encode(), headers=headers) as answer:
            assert (answer.status, (await answer.json())["version"]) == (200, 1)
        task = {"workflow": "warranty", "input": {"question": "How long?"}}
        status, result = await call(http, "POST", "/v1/tasks", task, Prefer=f"wait={PATIENCE:g}")
        assert (status, result["answer"]) == (200, "Two years.")
        _, runs = await call(http, "GET", "/v1/runs?workflow=warranty")
        assert [(row["status"], row["version"]) for row in runs["data"]] == [("succeeded", 1)]
        assert runs["data"][0]["cost"] == pytest.approx(result["usage"]["cost"])
        _, spent = await call(http, "GET", "/v1/spend?by=workflow")
        assert [row["name"] for row in spent["data"]] == ["warranty"]
        assert spent["total"]["cost"] == pytest.approx(result["usage"]["cost"])
        for by, name in (("workflow", "warranty"), ("step", "warranty/answer"), ("model", "one")):
            _, figures = await call(http, "GET", f"/v1/metrics/query?by={by}")
            assert [(row["name"], row["count"]) for row in figures["data"]] == [(name, 1)]
        given = {"task_id": result["task_id"], "thumb": "up"}
        assert (await call(http, "POST", "/v1/feedback", given))[0] == 201


async def test_that_a_document_is_searchable_when_its_state_says_so_and_gone_when_it_is_deleted(address: str) -> None:
    async with aiohttp.ClientSession(f"http://{address}") as http:
        document = {"id": "docs/guide.md", "text": "# Guide\n\nThe warranty lasts two years.\n"}
        await call(http, "POST", "/v1/documents", document)
        state = await until(http, "/v1/documents/docs/guide.md", "status", "searchable")
        assert [(one["heading"], one["lines"]) for one in state["chunks"]] == [("Guide", [1, 3])]
        task = {"input": {"question": "How long does the warranty last?"}}
        _, result = await call(http, "POST", "/v1/tasks", task, Prefer=f"wait={PATIENCE:g}")
        assert [one["document_id"] for one in result["citations"]] == ["docs/guide.md"]
        assert [one["id"] for one in (await call(http, "GET", "/v1/documents"))[1]["data"]] == ["docs/guide.md"]
        await call(http, "DELETE", "/v1/documents/docs/guide.md")
        await until(http, "/v1/documents/docs/guide.md", "status", "deleted")
        assert (await call(http, "GET", "/v1/documents"))[1]["data"] == []
