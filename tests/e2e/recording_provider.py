"""A provider that speaks Chat Completions, and records what it is sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
_WORDS = ("It ", "is ", "so.")
#: What a user says to have the provider go on until it is told to stop.
ENDLESS = "Never stop."


class RecordingProvider:
    """The bodies in order, and the address; `stop` ends an endless answer, which sets `left` if its reader goes."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.url = ""
        self.stop = threading.Event()
        self.left = threading.Event()


@contextmanager
def recording_provider() -> Iterator[RecordingProvider]:
    """Serve one while the context lasts."""
    provider = RecordingProvider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    provider: RecordingProvider

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.provider.bodies.append(body)
        if body.get("stream"):
            self._stream(body)
        else:
            self._whole(body)

    def _whole(self, body: dict[str, Any]) -> None:
        choice = {"index": 0, "message": _message(body), "finish_reason": _reason(body)}
        if body.get("logprobs"):
            token = {"token": "It", "logprob": -0.5, "bytes": [73, 116]}
            choice["logprobs"] = {"content": [{**token, "top_logprobs": [token]}], "refusal": None}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        data = json.dumps({**answer, "usage": _USAGE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if body["messages"][-1]["content"] == ENDLESS:
            self._endless(body)
            return
        message = _message(body)
        calls = [{"index": at, **call} for at, call in enumerate(message.get("tool_calls") or [])]
        self._chunk(body, {"role": "assistant"})
        for word in () if calls else _WORDS:
            self._chunk(body, {"content": word})
            time.sleep(0.1)
        if calls:
            self._chunk(body, {"tool_calls": calls})
        self._chunk(body, {}, _reason(body))
        self._send(_head(body) | {"choices": [], "usage": _USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def _endless(self, body: dict[str, Any]) -> None:
        try:
            while not self.provider.stop.wait(0.05):
                self._chunk(body, {"content": "on "})
        except OSError:
            self.provider.left.set()

    def _chunk(self, body: dict[str, Any], delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        self._send(_head(body) | {"choices": [choice]})

    def _send(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}


def _calls(body: dict[str, Any]) -> bool:
    return bool(body.get("tools")) and body["messages"][-1]["role"] == "user"


def _reason(body: dict[str, Any]) -> str:
    return "tool_calls" if _calls(body) else "length" if body.get("max_tokens") == 3 else "stop"


def _message(body: dict[str, Any]) -> dict[str, Any]:
    if _calls(body):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Bern"}'}
        calls = [{"id": "call_1", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    text = '{"temperature": 21, "sky": "blue"}' if body.get("response_format") else "".join(_WORDS)
    return {"role": "assistant", "content": text}
