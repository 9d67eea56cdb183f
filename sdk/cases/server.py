"""The stand-in that plays the gateway's part in the cases of this folder: see the README beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FOLDER = Path(__file__).parent
_VERDICT = "verdict"


def cases() -> dict[str, dict[str, Any]]:
    """Return all cases, each under `file/name`."""
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
    return {f"{stem}/{case['name']}": case for stem, found in files.items() for case in found}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client has sent; `path` is without the part that names the case and the run."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Run:
    """How far one run of a case has come, and what was wrong with its requests."""

    case: Mapping[str, Any]
    done: int = 0
    replied: float = 0.0
    names: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, request: Request) -> Mapping[str, Any]:
        """Compare a request with the next one of the case, and return the reply."""
        if self.done == len(self.case["exchanges"]):
            self.problems.append(f"one more request: {request.method} {request.path}")
            return {
                "status": 410,
                "json": {"code": "one_more", "detail": "the case has no more exchanges", "status": 410},
            }
        exchange = self.case["exchanges"][self.done]
        self.done += 1
        where = f"request {self.done}"
        self.problems += [f"{where}: {text}" for text in self._differences(exchange["request"], request)]
        waited = time.monotonic() - self.replied
        if self.done > 1 and waited < exchange.get("after", 0) - 0.02:  # clocks of a client may be coarse
            self.problems.append(f"{where}: came after {waited:.2f} s")
        reply: Mapping[str, Any] = exchange["reply"]
        return reply

    def verdict(self) -> list[str]:
        """Return what was wrong, and which requests did not come."""
        missing = self.case["exchanges"][self.done :]
        return self.problems + [f"never came: {one['request']['method']} {one['request']['path']}" for one in missing]

    def _differences(self, expected: Mapping[str, Any], request: Request) -> Iterator[str]:
        for name in ("method", "path"):
            yield from self._compare(name, expected[name], getattr(request, name))
        yield from self._compare("query", expected.get("query", {}), dict(request.query))
        headers = {"authorization": "Bearer test-key", **expected.get("headers", {})}
        for name, value in headers.items():
            yield from self._compare(name, value, request.headers.get(name))
        if "body" in expected:
            yield from self._compare("body", expected["body"], _parsed(request.body))
        if "lines" in expected:
            lines = [_parsed(line) for line in request.body.splitlines()]
            yield from self._compare("lines", expected["lines"], lines)

    def _compare(self, where: str, expected: Any, found: Any) -> Iterator[str]:
        match expected:
            case {"$same": name}:
                if not isinstance(found, str) or self.names.setdefault(name, found) != found:
                    yield f"{where}: {found!r} is not what {name} was, {self.names.get(name)!r}"
            case {"$other": name}:
                if not isinstance(found, str) or self.names.get(name) == found:
                    yield f"{where}: {found!r} is the same as {name}"
            case dict() if isinstance(found, dict):
                for key in expected.keys() | found.keys():
                    yield from self._compare(f"{where}.{key}", expected.get(key), found.get(key))
            case list() if isinstance(found, list) and len(found) == len(expected):
                for number, (one, other) in enumerate(zip(expected, found, strict=True)):
                    yield from self._compare(f"{where}.{number}", one, other)
            case _ if expected != found:
                yield f"{where}: {found!r} instead of {expected!r}"


class Server:
    """Serves all cases, each run of one under a path of its own."""

    def __init__(self) -> None:
        self._cases = cases()
        self._runs: dict[str, Run] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        try:
            while request := await _read(reader):
                if not await self._answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # clients may go away as they like
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; whether the connection goes on."""
        stem, name, number, rest = (request.path.removeprefix("/").split("/", 3) + [""] * 4)[:4]
        case = self._cases.get(f"{stem}/{name}")
        if case is None or not number:
            return await _reply(writer, {"status": 404, "json": {"detail": f"no case {stem}/{name}"}})
        run = self._runs.setdefault(f"{stem}/{name}/{number}", Run(case))
        if rest == _VERDICT:
            return await _reply(writer, {"json": {"problems": run.verdict()}})
        reply = run.take(Request(request.method, f"/{rest}", request.query, request.headers, request.body))
        try:
            return await _reply(writer, reply)
        finally:
            run.replied = time.monotonic()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join([chunk async for chunk in _chunks(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    split = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
    return Request(method, unquote(split.path), query, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> Any:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()


async def _reply(writer: asyncio.StreamWriter, reply: Mapping[str, Any]) -> bool:
    """Send a reply as it is written; whether the connection goes on."""
    await asyncio.sleep(reply.get("delay", 0))
    cut = bool(reply.get("cut"))
    parts: list[str | float] = reply.get("parts", [reply["text"]] if "text" in reply else [])
    status = reply.get("status", 200)
    headers = {"X-Request-Id": "req-1"}
    if "json" in reply:
        parts = [json.dumps(reply["json"])]
        headers["Content-Type"] = "application/problem+json" if status >= HTTPStatus.BAD_REQUEST else "application/json"
    if cut and not parts and "status" not in reply:
        return False
    headers |= reply.get("headers", {})
    if status != HTTPStatus.NO_CONTENT:
        headers["Transfer-Encoding"] = "chunked"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode())
    for part in parts:
        if isinstance(part, str):
            writer.write(f"{len(part.encode()):x}\r\n{part}\r\n".encode())
            await writer.drain()
        else:
            await asyncio.sleep(part)
    if not cut and status != HTTPStatus.NO_CONTENT:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return not cut


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


async def main() -> None:
    """Serve until standard input ends, so that no server outlives whoever has started it."""
    serving = await asyncio.start_server(Server().connected, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
