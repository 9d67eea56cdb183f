"""A shop to try the example with: orders and refunds over HTTP, in memory, on this machine only.

python shop.py [port]
"""  # noqa: INP001  # a script, no package

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

ORDERS = {
    "A100": {"id": "A100", "amount": 59.9, "status": "delivered"},
    "B200": {"id": "B200", "amount": 12.5, "status": "packed"},
}


class Shop(ThreadingHTTPServer):
    """Answers whoever has the token. A refund is made once for each idempotency key, however often it is asked for."""

    daemon_threads = True

    def __init__(self, port: int, token: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.token = token
        self.refunds: dict[str, dict[str, Any]] = {}
        self.asked = 0
        self._lock = Lock()

    def refund(self, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the refund of this key."""
        with self._lock:
            self.asked += 1
            number = len(self.refunds) + 1
            return self.refunds.setdefault(key, {"id": f"R-{number}", "amount": wanted["amount"]})


class Handler(BaseHTTPRequestHandler):
    """`GET /orders/ID`, `GET /refunds`, `POST /refunds`."""

    server: Shop

    def do_GET(self) -> None:
        """Show an order, or the refunds."""
        if self.path == "/refunds":
            self._answer(200, {"asked": self.server.asked, "refunds": self.server.refunds})
            return
        order = ORDERS.get(self.path.removeprefix("/orders/"))
        self._answer(200 if order else 404, order or {"error": "no such order"})

    def do_POST(self) -> None:
        """Make a refund."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._answer(201, self.server.refund(self.headers["idempotency-key"], body))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        if self.headers["authorization"] != f"Bearer {self.server.token}":
            status, body = 401, {"error": "who are you?"}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until interrupted."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    with Shop(port, os.environ.get("SHOP_TOKEN", "only-for-trying")) as shop:
        print(f"the shop is open on http://127.0.0.1:{shop.server_port}", flush=True)  # noqa: T201  # a script
        with suppress(KeyboardInterrupt):
            shop.serve_forever()


if __name__ == "__main__":
    main()
