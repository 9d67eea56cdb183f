"""The files of batches as they really are: a task in, a result and its spending out, through the real process."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import Cli
from tests.e2e.odd_provider import COST, USAGE

pytestmark = pytest.mark.slow

#: What becomes of each request: its lines in the files of answers, without the name, and the text in the result.
FATES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "fine": (('"response": {"status_code": 200, "body": BODY}',), "fine"),
    "separators": (('"response": {"status_code": 200, "body": BODY}',), "a\u2028b\u0085c"),
    "half": (('"response": {"status_code": 200, "body": BODY}',), "half \ufffd"),
    "text-status": (('"response": {"status_code": "200", "body": BODY}, "error": null',), "text-status"),
    "no-status": (('"response": {"body": BODY}',), "no-status"),
    "sparse": (
        ('"response": {"status_code": 200, "body": {"choices": [{"message": {"content": "sparse"}}]}}',),
        "sparse",
    ),
    "unreadable": (('"response": {"status_code": 200, "body": BODY',), None),
    "null-body": (('"response": {"status_code": 200, "body": null}',), None),
    "odd": (('"response": "later"',), None),
    "empty": (('"response": {"status_code": 200, "body": BODY}',), None),
    "refused": (('"response": {"status_code": 400, "body": {"error": {"message": "no"}}}, "error": null',), None),
    "expired": (('"response": null, "error": {"code": "batch_expired", "message": "too late"}',), None),
    "missing": ((), None),
    "also-an-error": (('"response": {"status_code": 200, "body": BODY}', '"error": {"code": "x"}'), "also-an-error"),
}
_CONTENT = {"separators": "a\u2028b\u0085c", "half": "half \ud83d", "empty": " "}
#: Lines that belong to nobody.
_LOOSE = (
    "",
    "   ",
    "null",
    '{"custom_id": null, "response": {}}',
    '{"response": {"status_code": 200}}',
    "<!-- end -->",
)


def _lines(requests: list[dict[str, Any]]) -> bytes:
    written = list(_LOOSE)
    for request in requests:
        fate = str(re.search(r"fate:(\S+)", json.dumps(request["body"]["messages"]))[1]).rstrip('"}]')  # type: ignore[index]
        choice = {"message": {"content": _CONTENT.get(fate, fate)}, "finish_reason": "stop"}
        ascii_only = fate == "half"
        body = json.dumps({"choices": [choice], "usage": USAGE}, ensure_ascii=ascii_only)
        for line in FATES[fate][0]:
            end = "" if fate == "unreadable" else "}"
            written.append(f'{{"id": "r", "custom_id": "{request["custom_id"]}", {line.replace("BODY", body)}{end}')
    return "\ufeff".encode() + "\r\n".join(written).encode()


#: What is said of a batch each time, the last again and again.
_STATES = (
    {"id": "b", "status": "queued", "output_file_id": None},
    {"id": "b", "status": "In_Progress", "output_file_id": "", "errors": []},
    {"status": "Completed", "output_file_id": "f", "error_file_id": None, "errors": None},
)


@contextmanager
def _provider(**more: object) -> Iterator[str]:
    requests: list[dict[str, Any]] = []
    states = [*_STATES[:-1], {**_STATES[-1], **more}]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.extend(json.loads(line) for line in body.splitlines() if line.startswith(b'{"custom_id"'))
            self._send(json.dumps({"id": "b", "status": "validating"}).encode())

        def do_GET(self) -> None:
            if not self.path.endswith("/content"):
                self._send(json.dumps(states.pop(0) if len(states) > 1 else states[0]).encode())
            elif "gone" in self.path:
                self._send(b'{"error": {"message": "No such File object"}}', 404)
            else:
                self._send(b"<html>Log in</html>" if "page" in self.path else _lines(requests))

        def _send(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _config(url: str) -> dict[str, Any]:
    batched = {"provider": "openai", "model": "m", "base_url": url, "options": {"features": ["batch"]}, "attempts": 1}
    return {
        "app_id": "e2e-odd-batch",
        "topics": {"partitions": 1},
        "models": {"b": {**batched, "batch": {"window": "1s", "poll": "1s"}, "price": {"input": 1, "output": 2}}},
        "ask": {"models": ["b"], "retrieve": False},
        "workflows": ["batched.yaml"],
        "retrieval": {"embedder": "hashing"},
        "server": {"port": 0},
    }


_ASK = {"kind": "ask", "models": ["b"], "prompt": "fate:{{ item }}", "batch": True}
_WORKFLOW = {
    "id": "batched",
    "deadline": "60s",
    "steps": {"each": {"kind": "map", "over": "input.fates", "parallel": 100, "tolerate": 100, "step": _ASK}},
}


@pytest.mark.parametrize("errors", [None, "gone", "page"])
def test_a_line_that_cannot_be_used_is_the_affair_of_its_own_request(errors: str | None, tmp_path: Path) -> None:
    (tmp_path / "batched.yaml").write_text(json.dumps(_WORKFLOW), encoding="utf-8")
    cli = Cli(tmp_path)
    task = json.dumps({"id": "b-1", "workflow": "batched", "input": {"fates": list(FATES)}})
    with _provider(error_file_id=errors) as url:
        (tmp_path / "meta-ai.yaml").write_text(json.dumps(_config(url)), encoding="utf-8")
        with cli.hosted():
            (result,) = (one for one in cli.objects("tasks", "send", "-", "--wait", text=task) if "status" in one)
            (row, _) = cli.objects("spend")

    assert dict(zip(FATES, result["answer"], strict=True)) == {name: text for name, (_, text) in FATES.items()}
    answered = [name for name, (_, text) in FATES.items() if text is not None]
    assert row["calls"] >= len(answered)
    assert row["cost"] >= (len(answered) - 1) * COST
