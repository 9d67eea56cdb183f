"""The server of the protocol, and workflows as tools: what a client is told of them, and how a call becomes a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    Tool,
)

from app.errors import BrokerError
from app.gateway.access.rights import tenant_for
from app.gateway.answers.failures import failure
from app.gateway.answers.reading import content, result_extension
from app.gateway.mcp import resources
from app.gateway.parts import Parts
from app.gateway.problems import Refusal, as_refusal
from app.gateway.rest.disconnects import cancellation
from app.gateway.rest.task_routes import checked, send
from app.security.principal import Principal
from app.suggestions import did_you_mean
from topics.results import Result
from topics.tasks import Task

Json = Mapping[str, Any]
Context = ServerRequestContext[Any, Any]

#: What a workflow's `expose` says, so that it is a tool.
MCP = "mcp"
#: The key of an answer that is no object, since structured content must be one.
_ANSWER = "answer"
_DEFINITIONS = ("$defs", "definitions")


def server(parts: Parts) -> Server[Any]:
    """Return the server: its tools are the exposed workflows that the caller may use, its resources the documents."""

    async def list_tools(ctx: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        parts.catalog.require_read()
        return ListToolsResult(tools=[_tool(spec) for _, spec in sorted(_exposed(parts, _caller(ctx)).items())])

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        try:
            return await _call(parts, ctx, params)
        except (Refusal, BrokerError) as error:
            return _error(as_refusal(error))

    async def list_resources(ctx: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        with _as_protocol_error():
            return await resources.list_documents(parts, _caller(ctx), (params and params.cursor) or "")

    async def read_resource(ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        with _as_protocol_error():
            return await resources.read_document(parts, _caller(ctx), str(params.uri))

    return Server(
        "meta-ai-orchestrator",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


def output_schema(spec: Json) -> dict[str, Any]:
    """Return the JSON Schema of a tool's structured content: that of the answer, which is wrapped unless an object."""
    schema = dict(spec.get("output") or {})
    if _is_object(schema):
        return schema
    shared = {name: schema.pop(name) for name in _DEFINITIONS if name in schema}  # references name them from the root
    return {"type": "object", "properties": {_ANSWER: schema}, "required": [_ANSWER], **shared}


def _exposed(parts: Parts, caller: Principal) -> dict[str, Json]:
    return {
        name: spec
        for name, spec in parts.catalog.workflows.items()
        if MCP in (spec.get("expose") or ()) and caller.may_use_workflow(name)  # type: ignore[operator]  # a list
    }


def _caller(ctx: Context) -> Principal:
    request: Any = ctx.request
    principal: Principal = request.state.principal
    return principal


def _tool(spec: Json) -> Tool:
    given = {**(spec.get("input") or {}), "type": "object"}
    return Tool(
        name=str(spec["id"]),
        description=str(spec.get("description") or "") or None,
        input_schema=given,
        output_schema=output_schema(spec),
    )


async def _call(parts: Parts, ctx: Context, params: CallToolRequestParams) -> CallToolResult:
    """Have a workflow run, and return its answer; a client that goes away cancels the run.

    Raises:
        MCPError: there is no such tool.
        Refusal: the run is not accepted, or has failed.
        BrokerError: the broker does not answer in time.
    """
    parts.log.require_read()
    caller, name = _caller(ctx), params.name
    if name not in _exposed(parts, caller):
        await parts.catalog.read_all()  # it may have been deployed a moment ago
    tools = _exposed(parts, caller)
    if name not in tools:
        raise MCPError(INVALID_PARAMS, f"there is no tool {name}; {did_you_mean(name, tools)}")
    task = Task(id=uuid4().hex, workflow=name, input=params.arguments or {}, tenant=tenant_for(caller, ""))
    task = checked(task, parts.settings.delivery.max_event_bytes)
    result = await _run(parts, ctx, caller, task)
    if result.status != "succeeded":
        raise failure(result)
    return CallToolResult(
        content=[TextContent(text=content(result))],
        structured_content=_structured(tools[name], result),
        _meta={"meta_ai": result_extension(result)},
    )


async def _run(parts: Parts, ctx: Context, caller: Principal, task: Task) -> Result:
    """Return the result of a task; the client, if it wants to, is told how it goes on, and that it does."""
    task_id, step, told = str(task.id), parts.catalog.answer_step(task.workflow), 0
    with parts.answer(task_id) as stream:
        await send(parts, caller, task, once=False)
        try:
            while not isinstance(one := await stream.next(), Result):
                told += 1
                text = one[1].text if one and one[1].step == step and one[1].kind == "text" else None
                await ctx.session.report_progress(told, message=text)
        except TimeoutError:
            text = f"the gateway stopped before the answer was complete: GET /v1/results/{task_id}"
            raise Refusal.unavailable("stopped", text) from None
        finally:
            if not stream.ended:
                parts.log.signal_soon(cancellation(task_id))
    return one


def _structured(spec: Json, result: Result) -> dict[str, Any]:
    answer = result.answer
    whole = _is_object(spec.get("output") or {}) and isinstance(answer, dict)
    return dict(answer) if whole and isinstance(answer, dict) else {_ANSWER: answer}


def _is_object(schema: Json) -> bool:
    return schema.get("type") == "object"


@contextmanager
def _as_protocol_error() -> Iterator[None]:
    try:
        yield
    except (Refusal, BrokerError) as error:
        refusal = as_refusal(error)
        code = INTERNAL_ERROR if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID_PARAMS
        raise MCPError(code, f"{refusal.code}: {refusal.detail}") from None


def _error(refusal: Refusal) -> CallToolResult:
    """Return an error that a model may read and act upon."""
    text = f"{refusal.code}: {refusal.detail}"
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
