from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, assert_type

import httpx2
import pytest

from meta_ai_orchestrator import (
    APIConnectionError,
    APIError,
    AsyncClient,
    AsyncStream,
    Client,
    MetaAIError,
    Request,
    Response,
    Stream,
    UsageError,
    WaitTimeoutError,
)
from meta_ai_orchestrator._client import task_waits
from meta_ai_orchestrator.types import TaskRow, TaskState
from tests.gateway.compatibility import RELEASED
from tests.sdk.test_types import RESULT

STATE = {"id": "t1", "status": "accepted", "result": "/v1/results/t1"}


def answering(answer: Callable[[httpx2.Request], httpx2.Response], **options: Any) -> Client:
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return Client(http_client=http, **{"api_key": "test-key", "max_retries": 0, **options})


def accepted(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(202, json=STATE, headers={"x-request-id": "r1"})


def test_the_example_of_the_documentation() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer …".replace("…", "key")
        assert json.loads(request.content)["workflow"] == "customer-support-qa"
        return httpx2.Response(200, json=RESULT)

    client = answering(answer, api_key="key")
    result = client.run_workflow("customer-support-qa", inputs={"question": "How can I track my order?"})
    assert result["answer"] == result.answer == RESULT["answer"]


def test_that_the_environment_gives_key_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((str(request.url), request.headers.get("authorization")))
        return accepted(request)

    answering(answer, api_key=None).tasks.get("t1")
    monkeypatch.setenv("META_AI_API_KEY", "from-environment")
    monkeypatch.setenv("META_AI_BASE_URL", "https://gateway.example.com/ai/v1/")
    answering(answer, api_key=None).tasks.get("t1")
    answering(answer, base_url="http://other.example.com").tasks.get("t1")
    assert seen == [
        ("http://127.0.0.1:8089/v1/tasks/t1", None),
        ("https://gateway.example.com/ai/v1/tasks/t1", "Bearer from-environment"),
        ("http://other.example.com/v1/tasks/t1", "Bearer test-key"),
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"base_url": "gateway:8089"}, "base_url must be an address"),
        ({"base_url": "https://user:secret-1@host/v1"}, "without credentials"),
        ({"base_url": "https://host/v1?key=secret-1"}, "base_url must be"),
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"max_retries": -1}, "max_retries 0 or more"),
        ({"api_keys": "secret-1"}, "no option is called api_keys; there are api_key, base_url"),
        ({"http_client": object()}, "must be an httpx2"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_that_options_that_are_not_valid_are_refused(kind: Any, options: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as raised:
        kind(**options)
    assert "secret-1" not in str(raised.value)


def test_that_a_key_that_cannot_be_sent_is_in_no_error() -> None:
    for key in ("secret-1\n", "secret-1 ", "sécret-1"):
        with pytest.raises(UsageError, match="api_key has characters") as raised:
            answering(accepted, api_key=key).tasks.get("t1")
        assert "cret-1" not in str(raised.value)
    client = Client(api_key="secret-1")
    assert "secret-1" not in f"{client!r} {vars(client)} {client._core.options}"


def test_that_a_key_can_be_a_function_that_is_asked_each_time() -> None:
    tokens, seen = iter(["one", "two"]), []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return accepted(request)

    client = answering(answer, api_key=lambda: next(tokens))
    client.tasks.get("t1")
    client.with_options(timeout=5).tasks.get("t1")
    assert seen == ["Bearer one", "Bearer two"]


def test_that_options_can_be_changed_and_connections_are_shared() -> None:
    client = answering(accepted, headers={"X-Team": "shop"})
    other = client.with_options(timeout=7, headers={"X-Team": "crm"})
    assert other.tasks.get("t1").id == "t1"
    assert (client._core.options.timeout, other._core.options.timeout) == (60, 7)
    assert other._mode.http is client._mode.http
    assert other._core.options.api_key == "test-key"


def test_that_hooks_see_all_attempts_and_raw_responses_are_at_hand() -> None:
    sent: list[Request] = []
    came: list[tuple[Request, Response]] = []
    answers = iter(
        [
            httpx2.Response(503, headers={"retry-after": "0"}),
            httpx2.Response(202, json=STATE, headers={"x-request-id": "r1"}),
        ]
    )

    def mark(request: Request) -> None:
        request.headers["x-attempt"] = str(len(sent))
        sent.append(request)

    client = answering(
        lambda _: next(answers), max_retries=1, on_request=mark, on_response=lambda *both: came.append(both)
    )
    state = client.tasks.create(input={})
    assert [request.headers["x-attempt"] for request in sent] == ["0", "1"]
    assert [(request.method, response.status) for request, response in came] == [("POST", 503), ("POST", 202)]
    assert "test-key" not in repr(came)
    assert state.last_response
    assert (state.last_response.status, state.last_response.request_id) == (202, "r1")


def test_any_request() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"path": str(request.url), "sent": json.loads(request.content or b"null")})

    response = answering(answer).request("POST", "/v1/later", query={"a": [1, 2], "b": None}, json={"x": 1})
    assert response.json() == {"path": "http://127.0.0.1:8089/v1/later?a=1&a=2", "sent": {"x": 1}}


def test_that_what_cannot_be_sent_is_an_error_of_the_program() -> None:
    client = answering(accepted)
    for wrong in (float("nan"), object(), "\ud800", b"x"):
        with pytest.raises(UsageError, match="cannot be sent as JSON"):
            client.tasks.create(input={"x": wrong})
    for wrong_id in ("", ".", ".."):
        with pytest.raises(UsageError, match="cannot be part of a path"):
            client.tasks.get(wrong_id)
    with pytest.raises(UsageError, match="as YAML, as a mapping"):
        client.workflows.deploy(3)


def test_that_a_gateway_that_is_not_there_is_said_to_be() -> None:
    with (
        Client(base_url="http://127.0.0.1:1/v1", max_retries=0) as client,
        pytest.raises(APIConnectionError, match="cannot be reached: is base_url right") as raised,
    ):
        client.keys.create(owner="shop", roles=["producer"])
    assert not raised.value.sent


def test_that_a_wait_ends_in_time_and_says_which_task_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(task_waits, "now", lambda: float(next(clock)))
    client = answering(accepted)
    with pytest.raises(WaitTimeoutError, match="task t1 had no result within 30 s; it goes on") as raised:
        client.run_workflow("support", {}, timeout=30)
    assert raised.value.task_id == "t1"


def test_that_a_wait_goes_on_through_a_gateway_that_is_away_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(task_waits, "now", lambda: seconds[0])
    monkeypatch.setattr("time.sleep", lambda wait: seconds.__setitem__(0, seconds[0] + wait))
    calls = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.method)
        if request.method == "POST":
            return accepted(request)
        if len(calls) == 8:
            return httpx2.Response(200, json=RESULT)
        raise httpx2.ConnectError("refused")

    assert answering(answer).run_workflow("support", {}).status == "succeeded"
    calls[:] = ["", "", "", "", "", "", "", ""]
    with pytest.raises(APIConnectionError):
        answering(answer).run_workflow("support", {})
    assert seconds[0] > 60


def test_that_a_stream_can_be_left() -> None:
    closed = []

    class Endless(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            piece = {**dict.fromkeys(("task_id", "step", "branch", "model", "request_id", "stream"), "x"), "index": 0}
            for number in range(1000):
                yield f"event: piece\ndata: {json.dumps(piece)}\nid: {number}\n\n".encode()

        def close(self) -> None:
            closed.append(True)

    client = answering(lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Endless()))
    with client.tasks.stream("t1") as events:
        assert next(events).stream == "x"  # type: ignore[union-attr]  # the first is a piece
        assert not closed
    assert closed
    assert list(events) == []
    for _ in client.tasks.stream("t1"):
        break
    assert len(closed) == 2  # also of one that nobody closes


#: Each call of the client, by the route that it uses.
CALLS: dict[str, Callable[[Client], Any]] = {
    "GET /v1/adapters": lambda c: [*c.adapters.list()],
    "GET /v1/adapters/{}": lambda c: c.adapters.get("openai"),
    "GET /v1/audit": lambda c: [*c.audit.list(actor="a", action="b", subject="c", limit=5)],
    "GET /v1/budgets": lambda c: [*c.budgets.list(name="a")],
    "GET /v1/config": lambda c: c.config.get(),
    "GET /v1/connectors": lambda c: [*c.connectors.list(limit=5)],
    "GET /v1/dead-letters": lambda c: [*c.dead_letters.list(reason="a", topic="b", key=["c"])],
    "GET /v1/dead-letters/{}/{}/{}": lambda c: c.dead_letters.get("tasks", 0, 5),
    "POST /v1/dead-letters/{}/{}/{}/replay": lambda c: c.dead_letters.replay("tasks", 0, 5, value=b"x"),
    "GET /v1/documents": lambda c: [*c.documents.list(collection="a", match="*")],
    "POST /v1/documents": lambda c: c.documents.add("a", "text", collection="b", metadata={"x": "y"}),
    "POST /v1/documents/batch": lambda c: c.documents.add_all([{"id": "a", "text": "b"}]),
    "DELETE /v1/documents/{}": lambda c: c.documents.delete("a", collection="b"),
    "GET /v1/documents/{}": lambda c: c.documents.get("a"),
    "GET /v1/feedback": lambda c: [*c.feedback.list(thumb="up")],
    "POST /v1/feedback": lambda c: c.feedback.create("t", thumb="up", score=1, correction="x", comment="y"),
    "GET /v1/health": lambda c: c.request("GET", "/v1/health"),
    "GET /v1/keys": lambda c: [*c.keys.list()],
    "POST /v1/keys": lambda c: c.keys.create(owner="a", roles=["b"], tenant="c", requests_per_minute=5),
    "GET /v1/keys/{}": lambda c: c.keys.get("k"),
    "POST /v1/keys/{}/revoke": lambda c: c.keys.revoke("k"),
    "POST /v1/keys/{}/rotate": lambda c: c.keys.rotate("k", overlap=5),
    "GET /v1/metrics/query": lambda c: c.metrics.query(by="model", window="1d"),
    "GET /v1/models": lambda c: [*c.models.list()],
    "GET /v1/models/{}": lambda c: c.models.get("m"),
    "GET /v1/prices": lambda c: [*c.prices.list(all=True)],
    "GET /v1/results/{}": lambda c: c.results.get("t"),
    "GET /v1/runs": lambda c: [*c.runs.list(workflow="a", tenant="b", status="failed", children=False)],
    "GET /v1/runs/{}": lambda c: c.runs.get("t"),
    "GET /v1/sources": lambda c: [*c.sources.list(limit=5)],
    "GET /v1/sources/{}/sync": lambda c: c.sources.state("kb"),
    "POST /v1/sources/{}/sync": lambda c: c.sources.sync("kb", full=True),
    "GET /v1/spend": lambda c: c.spend.get(by="day", window=60, tenant="a", workflow="b"),
    "GET /v1/tasks": lambda c: [*c.tasks.list(workflow="a", tenant="b", ended=True, children=True, limit=5)],
    "POST /v1/tasks": lambda c: c.tasks.create(workflow="a", input={}, version=1, priority=2, webhook="c"),
    "POST /v1/tasks/batch": lambda c: c.tasks.batch([{"input": {}}]),
    "GET /v1/tasks/{}": lambda c: c.tasks.get("t"),
    "POST /v1/tasks/{}/approve": lambda c: c.tasks.approve("t", reason="a"),
    "POST /v1/tasks/{}/cancel": lambda c: c.tasks.cancel("t", reason="a"),
    "POST /v1/tasks/{}/reject": lambda c: c.tasks.reject("t", reason="a"),
    "GET /v1/tasks/{}/events": lambda c: [*c.tasks.stream("t")],
    "GET /v1/tasks/{}/feedback": lambda c: [*c.tasks.feedback("t")],
    "POST /v1/tasks/{}/signals/{}": lambda c: c.tasks.signal("t", "approval", {"x": 1}),
    "GET /v1/workflows": lambda c: [*c.workflows.list()],
    "POST /v1/workflows": lambda c: c.workflows.deploy({"id": "a"}, dry_run=True),
    "POST /v1/workflows/diff": lambda c: c.workflows.diff("id: a"),
    "POST /v1/workflows/validate": lambda c: c.workflows.validate(b"id: a"),
    "GET /v1/workflows/{}": lambda c: c.workflows.get("w"),
    "POST /v1/workflows/{}/rollback": lambda c: c.workflows.rollback("w", to=1, dry_run=True),
    "GET /v1/workflows/{}/versions": lambda c: [*c.workflows.versions("w")],
    "GET /v1/workflows/{}/versions/{}": lambda c: c.workflows.get("w", version=1),
}

DOCUMENT: dict[str, Any] = json.loads(RELEASED.read_text(encoding="utf-8"))
#: The routes of the released API as `CALLS` has them; those of providers' APIs have SDKs of their own.
ROUTES = {
    f"{method.upper()} {'/'.join('{}' if part[:1] == '{' else part for part in path.split('/'))}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if not path.startswith(("/v1/files", "/v1/batches", "/v1/chat/", "/v1/messages", "/v1/responses", "/v1/embeddings"))
}


@pytest.mark.parametrize("route", CALLS)
def test_that_a_request_is_one_that_the_gateway_takes(route: str) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(404, json={"code": "not_found"})

    with pytest.raises(APIError):
        CALLS[route](answering(answer))
    method, template = route.split(" ")
    path, parts = seen[0].url.path.split("/"), template.split("/")
    assert seen[0].method == method
    assert len(path) == len(parts)
    assert all(part in {"{}", found} for part, found in zip(parts, path, strict=True))
    operation = ROUTES[route]
    known = {one["name"]: one["in"] for one in operation.get("parameters", ())}
    assert all(known.get(name) == "query" for name in seen[0].url.params)
    if seen[0].headers.get("content-type") == "application/json" and template != "/v1/workflows":
        schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert json.loads(seen[0].content).keys() <= DOCUMENT["components"]["schemas"][schema]["properties"].keys()


def test_that_every_route_has_its_call() -> None:
    assert CALLS.keys() == ROUTES.keys()


def test_that_pages_of_a_report_become_one() -> None:
    row = {"key": "m", "calls": 1, "cost": 1.0}

    def answer(request: httpx2.Request) -> httpx2.Response:
        schema = DOCUMENT["components"]["schemas"]["SpendRow"]["required"]
        data = [{**dict.fromkeys(schema, 0), **row}]
        more = {} if "cursor" in request.url.params else {"next": "c"}
        return httpx2.Response(200, json={"data": data, "total": data[0], **more})

    report = answering(answer).spend.get(by="model")
    assert len(report.data) == 2
    assert report.next is None
    assert report.total["cost"] == 1.0


async def test_that_type_checkers_see_what_both_clients_return() -> None:
    client = answering(accepted)
    assert_type(client.tasks.get("t1"), TaskState)
    assert_type(client.tasks.list(), Stream[TaskRow])
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(accepted))
    async with AsyncClient(http_client=http) as other:
        assert_type(await other.tasks.get("t1"), TaskState)
        assert_type(other.tasks.list(), AsyncStream[TaskRow])


async def test_that_a_cancelled_call_is_cancelled() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(never))
    async with AsyncClient(http_client=http) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.tasks.get("t1"), 0.05)
    assert issubclass(UsageError, MetaAIError)
