"""A gateway's socket, byte by byte."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

HEAD = b"Host: 127.0.0.1\r\n"
GET = b"GET /v1/health HTTP/1.1\r\n" + HEAD


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        found: str = json.loads(self.body)["code"]
        return found


class Wire:
    """A connection to the gateway as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(20):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            if headers.get("transfer-encoding") == "chunked":
                return Answer(int(status.split()[1]), headers, await self._chunks())
            return Answer(
                int(status.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))
            )

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    async def taken(self, data: bytes) -> int:
        """Send data again and again; return how many bytes were sent when the gateway closed the connection."""
        sent = 0
        async with asyncio.timeout(20):
            while not self.reader.at_eof():
                try:
                    await self.send(data)
                    await self.reader.read(0)
                except ConnectionError:
                    break
                sent += len(data)
                await asyncio.sleep(0)
        return sent

    async def answers(self) -> int:
        """Return how many answers come until the gateway closes the connection."""
        count = 0
        while True:
            try:
                await self.answer()
            except asyncio.IncompleteReadError:
                return count
            count += 1

    async def closed(self) -> bool:
        """Return whether the gateway closes the connection, and says nothing more."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@dataclass
class Target:
    address: str

    @asynccontextmanager
    async def wire(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()

    async def healthy(self) -> bool:
        """Return whether somebody else is answered."""
        async with self.wire() as other:
            await other.send(GET + b"\r\n")
            return (await other.answer()).status == 200
