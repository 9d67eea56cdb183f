"""A provider that keeps its own account: what becomes of a request is up to chance, and what it costs is written down.

It speaks Chat Completions, Responses and Messages, whole and streamed, and takes batches. Its tokens are four
characters long, so that what it has charged for an answer that it did not count is known to others, too.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from aiohttp import web

#: US dollars per million tokens.
PRICE = {"input": 3, "cached_input": 0.3, "cache_write": 3.75, "output": 15, "reasoning": 20, "batch": 0.5}
#: What may become of a request, and how often.
WHOLE = {
    "good": 6,
    "uncounted": 3,
    "filtered": 2,
    "filtered uncounted": 1,
    "empty": 1,
    "malformed": 1,
    "failed": 1,
    "cut": 1,
    "refused": 1,
    "overloaded": 2,
    "dropped": 1,
    "page": 1,
}
STREAMED = {
    "good": 6,
    "uncounted": 3,
    "filtered": 2,
    "filtered uncounted": 1,
    "empty": 1,
    "cut": 3,
    "broken": 2,
    "refused": 1,
    "overloaded": 2,
    "dropped": 1,
}
BATCHED = {"good": 4, "uncounted": 2, "filtered": 2, "malformed": 1, "expired": 1, "refused": 1, "lost": 1}
_FREE = {"refused", "overloaded", "dropped", "page", "expired", "lost"}


def tokens(text: str) -> int:
    """Return how many tokens a text has."""
    return -(-len(text) // 4)


@dataclass(frozen=True, slots=True)
class Counted:
    """The tokens that a request was charged for."""

    read: int
    wrote: int
    cached: int = 0
    stored: int = 0
    reasoning: int = 0

    def cost(self, factor: float = 1) -> Decimal:
        """Return the cost in US dollars."""
        parts = {
            "input": self.read - self.cached - self.stored,
            "cached_input": self.cached,
            "cache_write": self.stored,
            "output": self.wrote - self.reasoning,
            "reasoning": self.reasoning,
        }
        millionths = sum((Decimal(str(PRICE[name])) * number for name, number in parts.items()), start=Decimal(0))
        return millionths * Decimal(str(factor)) / 1_000_000

    def chat(self, shape: int) -> dict[str, Any]:
        """Return the report of Chat Completions, in one of the shapes that servers give it."""
        plain = {"prompt_tokens": self.read, "completion_tokens": self.wrote, "total_tokens": self.read + self.wrote}
        within = {"cached_tokens": self.cached, "cache_write_tokens": self.stored}
        details = {
            "prompt_tokens_details": within,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }
        match shape:
            case 0:
                return {**plain, **details}
            case 1:  # the cache apart from the input
                return {**plain, **details, "prompt_tokens": self.read - self.cached - self.stored}
            case 2:  # reasoning apart from the output
                return {**plain, **details, "completion_tokens": self.wrote - self.reasoning}
            case 3:
                texts = {name: f"{value}.0" for name, value in plain.items()}
                return {**texts, **details, "total_tokens": None}
            case _:
                return {**plain, **details, "total_tokens": -1, "queue_time": None}

    def responses(self) -> dict[str, Any]:
        """Return the report of Responses."""
        return {
            "input_tokens": self.read,
            "output_tokens": self.wrote,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.stored},
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.read + self.wrote,
        }

    def messages(self) -> dict[str, Any]:
        """Return the report of Messages."""
        return {
            "input_tokens": self.read - self.cached - self.stored,
            "output_tokens": self.wrote,
            "cache_read_input_tokens": self.cached,
            "cache_creation_input_tokens": self.stored,
            "output_tokens_details": {"thinking_tokens": self.reasoning},
        }


@dataclass(slots=True)
class Exchange:
    """A request, and what becomes of it."""

    body: dict[str, Any]
    dialect: str
    fate: str
    counted: Counted
    pieces: list[str]
    shape: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reported(self) -> bool:
        return self.fate not in {"uncounted", "filtered uncounted"}

    @property
    def asked(self) -> int:
        """How many tokens it reads, by its text: what was asked, and what is to be continued."""
        turns = self.body.get("messages") or self.body["input"]
        words = [turn["content"] if isinstance(turn["content"], str) else turn["content"][0]["text"] for turn in turns]
        return sum(tokens(text) for text in words[:2])

    @property
    def by_text(self) -> Counted:
        """What it is charged for if it is not counted."""
        return Counted(self.asked, tokens(self.text))


@dataclass
class MeteredProvider:
    """Answers by chance, and keeps its account: `charged` is in US dollars, by the first word of the question."""

    rng: random.Random
    charged: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    fates: Counter[str] = field(default_factory=Counter)
    url: str = ""
    #: Requests that are left without an answer, or amid one, until their client has gone: by that word, too.
    hanging: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, list[dict[str, Any]]] = {}
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._handler("chat"))
        app.router.add_post("/v1/responses", self._handler("responses"))
        app.router.add_post("/v1/messages", self._handler("messages"))
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._submit)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._state)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def total(self) -> Decimal:
        """All that was charged, in US dollars."""
        return sum(self.charged.values(), start=Decimal(0))

    def _charge(self, exchange: Exchange, counted: Counted, factor: float = 1) -> None:
        self.charged[_name(exchange.body)] += counted.cost(factor)

    def _exchange(self, body: dict[str, Any], dialect: str, fates: dict[str, int]) -> Exchange:
        rng = self.rng
        fate = rng.choices(list(fates), list(fates.values()))[0]
        self.fates[f"{dialect} {fate}"] += 1
        # Even numbers for the cache and odd ones for reasoning: no report may be read in two ways.
        cached, stored, reasoning = 2 * rng.randint(0, 900), 2 * rng.randint(0, 50), 2 * rng.randint(0, 60) + 1
        counted = Counted(
            cached + stored + rng.randint(1, 300), reasoning + rng.randint(1, 400), cached, stored, reasoning
        )
        pieces = [rng.choice("abcdefg") * rng.randint(1, 9) + " " for _ in range(rng.randint(2, 6))]
        return Exchange(body, dialect, fate, counted, [] if fate == "empty" else pieces, rng.randint(0, 4))

    def _handler(self, dialect: str) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.json()
            name = _name(body)
            if self.hanging[name]:
                self.hanging[name] -= 1
                pieces = ["It begins. "] if name.startswith("begun") else []
                return await self._hang(request, Exchange(body, dialect, "uncounted", Counted(0, 0), pieces, 0))
            exchange = self._exchange(body, dialect, STREAMED if body.get("stream") else WHOLE)
            if exchange.fate in _FREE:
                return _unpaid(request, exchange.fate)
            if body.get("stream"):
                return await self._stream(request, exchange)
            self._charge(exchange, self._whole_charge(exchange))
            return await _whole(request, exchange)

        return handle

    async def _hang(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        self.fates["hanging"] += 1
        self._charge(exchange, exchange.by_text)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        if exchange.pieces:
            await response.prepare(request)
            for piece in exchange.pieces:
                await response.write(_frame({"choices": [{"delta": {"content": piece}}]}))
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.005)
        return response

    def _whole_charge(self, exchange: Exchange) -> Counted:
        if exchange.fate == "cut":  # how much was written is not known to who does not get it
            return Counted(exchange.asked, 0)
        return exchange.counted if exchange.reported else exchange.by_text

    async def _stream(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        fate, whole = exchange.fate, exchange.pieces
        if fate in {"cut", "broken"}:
            exchange.pieces = whole[: self.rng.randint(1, len(whole))]
        running = self.rng.random() < 0.5  # whether it counts all the time
        known = Counted(exchange.counted.read, 0, exchange.counted.cached, exchange.counted.stored)
        charge = exchange.counted if exchange.reported else exchange.by_text
        if fate in {"cut", "broken"}:
            if exchange.dialect == "messages":  # the input is told at the beginning
                charge = Counted(known.read, tokens(exchange.text), known.cached, known.stored)
            elif not (running and exchange.dialect == "chat"):
                charge = exchange.by_text
        self._charge(exchange, charge)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in _EVENTS[exchange.dialect](exchange, known, running):
            await response.write(_frame(event))
        if fate == "cut" and request.transport:
            await asyncio.sleep(0.2)  # so that what was sent is read before the end is seen, on a busy machine too
            request.transport.close()
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        file = (await request.post())["file"]
        assert isinstance(file, web.FileField)
        name = f"file_{len(self._files)}"
        self._files[name] = file.file.read()
        return web.json_response({"id": name})

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(body=self._files[request.match_info["id"]])

    async def _submit(self, request: web.Request) -> web.Response:
        lines = map(json.loads, self._files[(await request.json())["input_file_id"]].splitlines())
        name = f"batch_{len(self._batches)}"
        self._batches[name] = [self._batched(line) for line in lines]
        self._files[name] = b"".join(json.dumps(line).encode() + b"\n" for line in self._batches[name] if line)
        return web.json_response({"id": name, "status": "validating"})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    async def _state(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return web.json_response({"id": name, "status": "completed", "output_file_id": name})

    def _batched(self, line: dict[str, Any]) -> dict[str, Any]:
        exchange = self._exchange(line["body"], "chat", BATCHED)
        about = {"custom_id": line["custom_id"], "error": None, "response": None}
        match exchange.fate:
            case "lost":
                return {}
            case "expired":
                return {**about, "error": {"code": "batch_expired", "message": "too late"}}
            case "refused":
                return {**about, "response": {"status_code": 400, "body": {"error": {"message": "no"}}}}
        self._charge(exchange, self._whole_charge(exchange), PRICE["batch"])
        return {**about, "response": {"status_code": 200, "body": _BODIES["chat"](exchange)}}


def _frame(event: Any) -> bytes:
    return f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


def _name(body: dict[str, Any]) -> str:
    turn = (body.get("messages") or body["input"])[0]
    content = turn["content"] if isinstance(turn["content"], str) else turn["content"][0]["text"]
    return str(content.split()[0])


def _unpaid(request: web.Request, fate: str) -> web.Response:
    match fate:
        case "refused":
            return web.json_response({"error": {"message": "no", "type": "invalid_request_error"}}, status=400)
        case "overloaded":
            return web.json_response({"error": {"message": "later"}}, status=503)
        case "page":
            return web.Response(text="<html>usage: welcome</html>", content_type="text/html")
    assert request.transport
    request.transport.close()
    return web.Response()


async def _whole(request: web.Request, exchange: Exchange) -> web.StreamResponse:
    body = json.dumps(_BODIES[exchange.dialect](exchange)).encode()
    if exchange.fate != "cut":
        return web.Response(body=body, content_type="application/json")
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
    await response.prepare(request)
    await response.write(body[:-10])
    assert request.transport
    request.transport.close()
    return response


def _chat_body(exchange: Exchange) -> dict[str, Any]:
    usage = {"usage": exchange.counted.chat(exchange.shape)} if exchange.reported else {}
    if exchange.fate == "malformed":
        return {"choices": [{"index": 0, "message": "what?"}], **usage}
    if exchange.fate == "failed":
        return {"error": {"message": "the engine died"}, **usage}
    reason = "content_filter" if exchange.fate.startswith("filtered") else "stop"
    message = {"role": "assistant", "content": exchange.text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], **usage}


def _responses_body(exchange: Exchange) -> dict[str, Any]:
    usage = {"usage": exchange.counted.responses()} if exchange.reported else {}
    if exchange.fate == "malformed":
        return {"status": "completed", "output": "what?", **usage}
    if exchange.fate == "failed":
        return {"status": "failed", "error": {"code": "server_error", "message": "died"}, "output": [], **usage}
    part = {"type": "output_text", "text": exchange.text}
    output = [{"type": "message", "content": [part] if exchange.text else []}]
    if exchange.fate.startswith("filtered"):
        return {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": output, **usage}
    return {"status": "completed", "output": output, **usage}


def _messages_body(exchange: Exchange) -> dict[str, Any]:
    usage = {"usage": exchange.counted.messages()} if exchange.reported else {}
    if exchange.fate == "malformed":
        return {"content": [{"type": 7}], "stop_reason": "end_turn", **usage}
    if exchange.fate == "failed":
        return {"type": "error", "error": {"type": "api_error", "message": "died"}, **usage}
    content = [{"type": "text", "text": exchange.text}] if exchange.text else []
    stop = "refusal" if exchange.fate.startswith("filtered") else "end_turn"
    return {"content": content, "stop_reason": stop, **usage}


def _chat_events(exchange: Exchange, _known: Counted, running: bool) -> Iterator[Any]:  # noqa: FBT001  # one of a table
    usage = exchange.counted.chat(exchange.shape)
    for piece in exchange.pieces:
        counts = {"usage": usage} if running and exchange.reported else {"usage": None}
        yield {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}], **counts}
    if exchange.fate == "cut":
        return
    if exchange.fate == "broken":
        yield {"error": {"message": "the engine died"}, **({"usage": usage} if running else {})}
        return
    reason = "content_filter" if exchange.fate.startswith("filtered") else "stop"
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if exchange.reported:
        yield {"choices": [], "usage": usage}
        yield {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}
    yield "[DONE]"


def _responses_events(exchange: Exchange, _known: Counted, _running: bool) -> Iterator[Any]:  # noqa: FBT001  # likewise
    yield {"type": "response.created", "response": {"status": "in_progress", "output": [], "usage": None}}
    for piece in exchange.pieces:
        yield {"type": "response.output_text.delta", "delta": piece}
    if exchange.fate == "cut":
        return
    if exchange.fate == "broken":
        yield {"type": "error", "message": "the engine died"}
        return
    kind = "incomplete" if exchange.fate.startswith("filtered") else "completed"
    yield {"type": f"response.{kind}", "response": _responses_body(exchange)}


def _messages_events(exchange: Exchange, known: Counted, _running: bool) -> Iterator[Any]:  # noqa: FBT001  # likewise
    first = {**known.messages(), "output_tokens": 1} if exchange.reported else None
    yield {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": first}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in exchange.pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    if exchange.fate == "cut":
        return
    if exchange.fate == "broken":
        yield {"type": "error", "error": {"type": "api_error", "message": "the engine died"}}
        return
    stop = "refusal" if exchange.fate.startswith("filtered") else "end_turn"
    last = exchange.counted.messages() | {"input_tokens": 0} if exchange.reported else None
    yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": last}
    yield {"type": "message_stop"}


_BODIES = {"chat": _chat_body, "responses": _responses_body, "messages": _messages_body}
_EVENTS = {"chat": _chat_events, "responses": _responses_events, "messages": _messages_events}
