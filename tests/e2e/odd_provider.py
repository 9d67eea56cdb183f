"""A provider whose answers are odd, for a real orchestrator; the `model` of a request names the answer."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
#: What an answer with this usage costs at 1 and 2 dollars per million tokens.
COST = (10 * 1 + 4 * 2) / 1e6


@dataclass(frozen=True)
class Answer:
    """What is sent: a body, with a status, a content type and a content encoding."""

    body: bytes
    kind: str
    status: int = 200
    encoding: str = ""


def whole(
    content: object = "Hello there.", reason: str | None = "stop", usage: object = USAGE, **message: Any
) -> Answer:
    """Return a whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}
    return as_json({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})


def as_json(body: object, kind: str = "application/json", status: int = 200) -> Answer:
    """Return any JSON."""
    return Answer(json.dumps(body).encode(), kind, status)


def stream(*events: object, kind: str = "text/event-stream", before: bytes = b"", end: bytes = b"\n\n") -> Answer:
    """Return events; bytes are sent as they are, texts as the data of one, and others as JSON."""
    frames = [one if isinstance(one, bytes) else b"data: " + _data(one) + b"\n\n" for one in events]
    return Answer(before + b"".join(frames).removesuffix(b"\n\n") + end, kind)


def piece(content: object = None, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return a chunk."""
    said = delta if content is None else {"content": content, **delta}
    return {"id": "c", "choices": [{"index": 0, "delta": said, "finish_reason": reason}]}


def call(arguments: object, **fields: Any) -> dict[str, Any]:
    """Return a tool call, or a fragment of one."""
    return {"function": {"name": "find_order", "arguments": arguments}, **fields}


COUNTS = {"choices": [], "usage": USAGE}
END = (piece(reason="stop"), COUNTS, "[DONE]")


def _data(event: object) -> bytes:
    return (event if isinstance(event, str) else json.dumps(event)).encode()


@contextmanager
def provider(answers: Mapping[str, Mapping[bool, Answer]]) -> Iterator[tuple[str, Counter[str]]]:
    """Serve `answers`, by model and whether a stream is asked for; yield the address, and how often each was asked."""
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = answers[body["model"]][bool(body.get("stream"))]
            asked[body["model"]] += 1
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            if answer.encoding:
                self.send_header("content-encoding", answer.encoding)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None: ...

    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
