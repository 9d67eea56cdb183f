"""What providers charge for answers, good and bad, up to the record: the real process, a fake provider.

Each row is a model whose answers have an odd usage, or do not count. A task goes in, and the run's cost and the records
of spending come out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

#: US dollars per million tokens, in the configuration below: input, cached input, written to the cache, output.
_IN, _CACHED, _STORED, _OUT = 5.0, 0.5, 6.25, 25.0
_TEXT = "Hello there."
_DONE = "data: [DONE]\n\n"


@dataclass(frozen=True)
class Row:
    """What a model answers, whole or in events, and what is right: tokens, cost, and the error if it does not count."""

    whole: Any = None
    events: tuple[Any, ...] = ()
    read: int = 0
    wrote: int = 0
    cached: int = 0
    stored: int = 0
    error: str | None = None
    anthropic: bool = False
    responses: bool = False
    estimated: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        plain = self.read - self.cached - self.stored
        return (plain * _IN + self.cached * _CACHED + self.stored * _STORED + self.wrote * _OUT) / 1e6


def chat(usage: object, *, text: str | None = _TEXT, reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}


def chunk(text: str = "", reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], **fields}


def counts(read: object, wrote: object, total: object, **fields: Any) -> dict[str, Any]:
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": total, **fields}


def started(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": usage}}


def said(text: str) -> tuple[dict[str, Any], ...]:
    return (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    )


def stopped(reason: str = "end_turn", **usage: Any) -> tuple[dict[str, Any], ...]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}


FILTERED = counts(1000, 500, 1500)
LONG = "x" * 4000
#: The question is 40 characters long, and estimated at one token for four of them.
QUESTION = "q" * 40

ROWS: dict[str, Row] = {
    # What is missing from a sum is not output.
    "cached-in-total": Row(
        chat(counts(12, 4, 2511, prompt_tokens_details={"cached_tokens": 2495})), read=2507, wrote=4, cached=2495
    ),
    "unexplained-total": Row(chat(counts(12, 4, 2511)), read=12, wrote=4),
    "reasoning-apart": Row(
        chat(counts(12, 4, 116, completion_tokens_details={"reasoning_tokens": 100})), read=12, wrote=104
    ),
    "stored-in-total": Row(
        chat(counts(12, 4, 116, prompt_tokens_details={"cached_tokens": 70, "cache_write_tokens": 30})),
        read=112,
        wrote=4,
        cached=70,
        stored=30,
    ),
    # A later nothing does not wipe an earlier count.
    "later-zero": Row(
        events=(started(input_tokens=15, output_tokens=1), *said(_TEXT), *stopped(input_tokens=0, output_tokens=5)),
        read=15,
        wrote=5,
        anthropic=True,
    ),
    "later-null": Row(events=(chunk(_TEXT, usage=counts(12, 4, 16)), chunk("", "stop", usage=None)), read=12, wrote=4),
    "later-sentinel": Row(
        events=(chunk(_TEXT, usage=counts(12, 4, 16)), chunk("", "stop", usage=counts(-1, -1, -1))), read=12, wrote=4
    ),
    # What was counted before the answer was written is not all of it.
    "counted-too-early": Row(
        events=(started(input_tokens=15, output_tokens=1), *said(_TEXT), {"type": "message_stop"}),
        read=15,
        wrote=3,
        anthropic=True,
        estimated=True,
    ),
    "counted-at-once": Row(
        events=(chunk("", usage=counts(12, 4, 16)), chunk(_TEXT), chunk("", "stop")), read=12, wrote=4
    ),
    "counted-less": Row(events=(chunk(_TEXT), chunk("", "stop", usage=counts(12, 1, 13))), read=12, wrote=1),
    "counted-less-at-the-end": Row(
        events=(
            {"type": "response.output_text.delta", "delta": _TEXT},
            {
                "type": "response.completed",
                "response": {"status": "completed", "output": [], "usage": {"input_tokens": 12, "output_tokens": 1}},
            },
        ),
        read=12,
        wrote=1,
        responses=True,
    ),
    # Where else counts are.
    "counts-of-groq": Row(
        events=(chunk(_TEXT), chunk("", "stop", x_groq={"id": "r", "usage": counts(12, 40, 52)})), read=12, wrote=40
    ),
    "counts-in-a-choice": Row(
        events=(
            chunk(_TEXT),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts(12, 40, 52)}]},
        ),
        read=12,
        wrote=40,
    ),
    "stored-then-read": Row(
        events=(
            started(input_tokens=3, cache_creation_input_tokens=3520, cache_read_input_tokens=0, output_tokens=1),
            *said(_TEXT),
            *stopped(input_tokens=3, cache_creation_input_tokens=0, cache_read_input_tokens=3520, output_tokens=9),
        ),
        read=3523,
        wrote=9,
        cached=3520,
        anthropic=True,
    ),
    # An odd count does not cost the answer.
    "floats": Row(chat(counts(10.0, 4.5, None)), read=10, wrote=5),
    "texts": Row(chat(counts("10", "4", "many")), read=10, wrote=4),
    "no-output-count": Row(chat({"prompt_tokens": 10, "total_tokens": 2511}), read=10, wrote=3, estimated=True),
    "sentinels": Row(chat(counts(-1, 2**31 - 1, -1)), read=10, wrote=3, estimated=True),
    "no-object": Row(chat([]), read=10, wrote=3, estimated=True),
    "odd-messages": Row(
        {"content": [{"type": "text", "text": _TEXT}], "stop_reason": "end_turn", "usage": {"input_tokens": 7.0}},
        read=7,
        wrote=3,
        anthropic=True,
        estimated=True,
    ),
    # What does not count is paid for.
    "filtered": Row(
        chat(FILTERED, text="Half an ans", reason="content_filter"), read=1000, wrote=500, error="content_filtered"
    ),
    "filtered-stream": Row(
        events=(chunk("Half an ans"), chunk("", "content_filter"), {"choices": [], "usage": FILTERED}),
        read=1000,
        wrote=500,
        error="content_filtered",
    ),
    "refused-message": Row(
        events=(started(input_tokens=1000, output_tokens=1), *said("No."), *stopped("refusal", output_tokens=500)),
        read=1000,
        wrote=500,
        error="content_filtered",
        anthropic=True,
    ),
    "refused-response": Row(
        {
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}],
            "usage": {"input_tokens": 1000, "output_tokens": 500},
        },
        read=1000,
        wrote=500,
        error="content_filtered",
        responses=True,
    ),
    "filtered-uncounted": Row(
        chat(None, text=_TEXT, reason="content_filter"), read=10, wrote=3, error="content_filtered", estimated=True
    ),
    "no-choices": Row({"choices": [], "usage": FILTERED}, read=1000, wrote=500, error="unavailable"),
    "failed-inside": Row(
        {"error": {"message": "the engine died"}, "usage": FILTERED}, read=1000, wrote=500, error="unavailable"
    ),
    "failed-response": Row(
        {
            "status": "failed",
            "error": {"code": "server_error", "message": "died"},
            "output": [],
            "usage": {"input_tokens": 1000, "output_tokens": 500},
        },
        read=1000,
        wrote=500,
        error="unavailable",
        responses=True,
    ),
    "cut-message": Row(
        events=(started(input_tokens=1000, output_tokens=1), *said("x" * 40)),
        read=1000,
        wrote=10,
        error="unavailable",
        anthropic=True,
        estimated=True,
    ),
    "cut-counted": Row(
        events=(chunk("Half ", usage=counts(1000, 2, 1002)), chunk("an ans", usage=counts(1000, 7, 1007))),
        read=1000,
        wrote=7,
        error="unavailable",
    ),
    "page": Row("<html>usage: none</html>", error="unavailable"),
    "too-large": Row(chat(FILTERED, text=LONG), read=1000, wrote=500, error="too_large"),
}


class _Provider(BaseHTTPRequestHandler):
    """Answers as the row says that the request's model names, and notes the keys."""

    protocol_version = "HTTP/1.1"
    keys: set[str] = set()  # noqa: RUF012  # of the one provider that there is

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.keys.update(self.headers.get_all("authorization", []), self.headers.get_all("x-api-key", []))
        row = ROWS[asked["model"]]
        if asked.get("stream"):
            told = "".join(f"data: {json.dumps(event)}\n\n" for event in row.events)
            cut = row.error == "unavailable"
            body, kind = (told + ("" if cut or row.anthropic else _DONE)).encode(), "text/event-stream"
        else:
            body = row.whole.encode() if isinstance(row.whole, str) else json.dumps(row.whole).encode()
            kind = "application/json"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def cli(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("paid")
    models = {name: _model(name, row, provider) for name, row in ROWS.items()}
    budget = {"name": "small", "workflow": "refused-message", "limit": 0.01, "period": "30d", "reserve": 0.005}
    settings = {
        "app_id": "e2e-paid",
        "topics": {"partitions": 2},
        "models": models,
        "ask": {"models": ["floats"], "retrieve": False},
        "retrieval": {"embedder": "hashing"},
        "workflows": ["workflows"],
        "delivery": {"max_event_bytes": 4000},
        "budgets": [budget],
        "server": {"port": 0},
    }
    (folder / "meta-ai.yaml").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "workflows").mkdir()
    for name, row in ROWS.items():
        step = {"kind": "ask", "models": [name], "prompt": "{{ input.q }}", "stream": row.whole is None}
        spec = {"id": name, "steps": {"say": step}}
        (folder / "workflows" / f"{name}.yaml").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("E2E_KEY", "sk-planted-key\r\n")
        found = Cli(folder)
        with found.hosted():
            yield found


def _model(name: str, row: Row, provider: str) -> dict[str, Any]:
    return {
        "provider": "anthropic" if row.anthropic else "openai",
        "model": name,
        "base_url": provider if row.anthropic else f"{provider}/v1",
        "api_key": "${E2E_KEY}",
        "attempts": 1,
        "price": {"input": _IN, "cached_input": _CACHED, "cache_write": _STORED, "output": _OUT},
        "options": {"dialect": "responses"} if row.responses else {},
    }


@pytest.fixture(scope="module")
def results(cli: Cli) -> dict[str, Any]:
    tasks = [{"id": name, "workflow": name, "input": {"q": QUESTION}} for name in ROWS]
    lines = "".join(json.dumps(task) + "\n" for task in tasks)
    printed = cli("tasks", "send", "-", "--wait", "--json", text=lines, exit_code=1)
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {result["task_id"]: result for result in found if "task_id" in result}


@pytest.fixture(scope="module")
def spent(cli: Cli, results: dict[str, Any]) -> dict[str, Any]:
    assert results
    return {row["name"]: row for row in cli.objects("spend")}


@pytest.mark.parametrize("name", ROWS)
def test_a_run_says_what_its_answer_has_cost(name: str, results: dict[str, Any]) -> None:
    row, result = ROWS[name], results[name]
    assert (result.get("error") or {}).get("code") == row.error, result
    if not row.error:
        assert result["answer"] == _TEXT
    usage = result["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (row.read, row.wrote)
    assert (usage["cached_input_tokens"], usage["cache_write_tokens"]) == (row.cached, row.stored)
    assert usage["cost"] == pytest.approx(row.cost)


@pytest.mark.parametrize("name", ROWS)
def test_what_an_answer_has_cost_is_on_record(name: str, spent: dict[str, Any]) -> None:
    row = ROWS[name]
    if not row.read:  # nothing was answered, and nothing charged
        assert name not in spent
        return
    record = spent[name]
    assert (record["calls"], record["cost"]) == (1, pytest.approx(row.cost))
    assert (record["input_tokens"], record["output_tokens"]) == (row.read, row.wrote)
    assert bool(record["estimated_tokens"]) == row.estimated
    assert record["given_up"] == pytest.approx(row.cost if row.error and row.error != "too_large" else 0.0)


def test_an_answer_that_is_too_large_is_called_so(results: dict[str, Any]) -> None:
    message = results["too-large"]["error"]["message"]
    assert "delivery.max_event_bytes allows 4000" in message
    assert "ask for a shorter one, or raise the limit" in message


def test_a_budget_sees_answers_that_do_not_count(cli: Cli, results: dict[str, Any]) -> None:
    assert results["refused-message"]["usage"]["cost"] == pytest.approx(0.0175)
    task = {"id": "again", "workflow": "refused-message", "input": {"q": QUESTION}}
    cli("tasks", "send", "-", text=json.dumps(task) + "\n")
    error = cli.objects("runs", "wait", "again", exit_code=1)[0]["error"]
    assert error["code"] == "budget_exceeded"
    assert "the run asks for 0.01 USD (what runs of its workflow cost), and 0 are left" in error["message"]
    (budget,) = cli.objects("budgets")
    assert budget["spent"] == pytest.approx(0.0175)


def test_a_line_end_after_a_key_is_not_sent(results: dict[str, Any]) -> None:
    assert results
    assert {key.removeprefix("Bearer ") for key in _Provider.keys} == {"sk-planted-key"}
