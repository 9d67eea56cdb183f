from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from mcp import Client as McpClient
from mcp.shared.exceptions import MCPError

from app.client.client import Client
from app.client.topic_ranges import read_since
from app.gateway.mcp.tools import output_schema
from tests.gateway.openai.test_chat_routes import next_task
from tests.gateway.requests import call, deploy, finish, say, waiting
from topics import SIGNALS
from topics.model_responses import Usage

INPUT = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}
OUTPUT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


@pytest.fixture
async def url(http: aiohttp.ClientSession, client: Client) -> str:
    """The address of a gateway that has three workflows, of which two are tools."""
    await deploy(client, "hidden", 1, waiting("s"))
    await deploy(client, "count", 1, waiting("s"), expose=["mcp"], output=OUTPUT, description="Counts.", input=INPUT)
    steps = {"answer": {"kind": "ask", "models": ["m"], "prompt": "?", "stream": True}}
    await deploy(client, "explain", 1, steps, expose=["mcp"])
    async with asyncio.timeout(20):
        while (await call(http, "GET", "/v1/workflows/explain"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    return str(http._base_url).rstrip("/") + "/mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_that_exposed_workflows_are_tools(url: str, client: Client, mode: Any) -> None:
    async with McpClient(url, mode=mode) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
        assert list(tools) == ["count", "explain"]
        assert (tools["count"].description, tools["count"].input_schema, tools["count"].output_schema) == (
            "Counts.",
            INPUT,
            OUTPUT,
        )
        assert tools["explain"].input_schema == {"type": "object"}
        calling = asyncio.create_task(mcp.call_tool("count", {"question": "how many?"}))
        task = await next_task(client)
        assert (task.workflow, task.input) == ("count", {"question": "how many?"})
        await finish(client, str(task.id), answer={"n": 3}, usage=Usage(cost=0.5))
        result = await calling
        assert (result.is_error, result.structured_content) == (False, {"n": 3})
        assert result.content[0].text == '{"n": 3}'  # type: ignore[union-attr]  # a text
        assert result.meta
        assert (result.meta["meta_ai"]["run_id"], result.meta["meta_ai"]["cost"]) == (task.id, 0.5)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_that_a_client_is_told_how_it_goes_on(url: str, client: Client, mode: Any) -> None:
    told: list[tuple[float, str | None]] = []
    first = asyncio.Event()

    async def told_progress(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        told.append((progress, message))
        first.set()

    async with McpClient(url, mode=mode) as mcp:
        calling = asyncio.create_task(mcp.call_tool("explain", {}, progress_callback=told_progress))
        task = await next_task(client)
        await say(client, str(task.id), 0, "be")
        await asyncio.wait_for(first.wait(), 20)  # before there is a result
        await say(client, str(task.id), 1, "cause", end=True)
        await finish(client, str(task.id))
        result = await calling
    assert result.structured_content == {"answer": "because"}
    assert told == [(1, "be"), (2, "cause")]


async def test_that_a_failed_run_is_an_error_of_the_tool(url: str, client: Client) -> None:
    async with McpClient(url) as mcp:
        calling = asyncio.create_task(mcp.call_tool("count", {"question": "?"}))
        task = await next_task(client)
        error = {"code": "timeout", "message": "too slow"}
        await finish(client, str(task.id), status="failed", answer=None, error=error)
        result = await calling
        assert result.is_error
        assert result.content[0].text == f"timeout: too slow (run {task.id})"  # type: ignore[union-attr]  # a text


async def test_that_what_is_no_tool_is_told_with_what_is(url: str) -> None:
    async with McpClient(url) as mcp:
        for name in ("hidden", "nothing", "ask"):
            with pytest.raises(MCPError, match=f"there is no tool {name}; there are count, explain"):
                await mcp.call_tool(name, {})


async def test_that_a_client_that_goes_away_cancels_the_run(url: str, client: Client) -> None:
    async with McpClient(url) as mcp:
        calling = asyncio.create_task(mcp.call_tool("count", {"question": "?"}))
        task = await next_task(client)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
    async with asyncio.timeout(20):
        while not (records := await read_since(client, None, [SIGNALS])):  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    (signal,) = [SIGNALS.parse(record.value, max_bytes=10_000) for record in records]
    assert (signal.task_id, signal.kind) == (task.id, "cancel")


async def test_that_a_web_page_of_another_host_may_not_ask(http: aiohttp.ClientSession, url: str) -> None:
    status, said = await call(http, "POST", "/mcp", {}, Origin="https://evil.example")
    assert (status, said["code"]) == (403, "foreign_origin")
    async with http.get(url) as answer:
        assert answer.status == 405


def test_that_an_answer_that_is_no_object_is_wrapped_with_what_it_refers_to() -> None:
    listed = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}
    assert output_schema({"output": listed}) == {
        "type": "object",
        "properties": {"answer": {"type": "array", "items": {"$ref": "#/$defs/n"}}},
        "required": ["answer"],
        "$defs": {"n": {"type": "integer"}},
    }
    assert output_schema({}) == {"type": "object", "properties": {"answer": {}}, "required": ["answer"]}
