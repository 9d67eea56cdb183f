from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.gateway.server import serve_gateway
from app.settings import GatewaySettings, Settings
from tests.gateway.requests import call
from topics import FILES
from topics.file_pieces import PIECE_BYTES
from topics.files import StoredFile


async def upload(
    http: aiohttp.ClientSession, data: bytes, purpose: str = "batch", filename: str = "in.jsonl", **headers: str
) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("purpose", purpose)
    form.add_field("file", BytesIO(data), filename=filename, content_type="application/jsonl")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.post("/v1/files", data=form, headers=named) as answer:
        return answer.status, json.loads(await answer.text())


async def read(http: aiohttp.ClientSession, path: str) -> tuple[int, bytes]:
    async with http.get(path) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 17])
async def test_that_a_file_is_read_as_it_was_uploaded(http: aiohttp.ClientSession, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    status, file = await upload(http, data, filename="Ä in.jsonl")
    assert (status, file["object"], file["bytes"], file["purpose"]) == (200, "file", size, "batch")
    assert file["filename"] == "Ä in.jsonl"
    assert await call(http, "GET", f"/v1/files/{file['id']}") == (200, file)
    assert await read(http, f"/v1/files/{file['id']}/content") == (200, data)


async def test_that_any_gateway_has_it_until_it_is_deleted(
    http: aiohttp.ClientSession, embedded: Connection, settings: Settings
) -> None:
    files = [(await upload(http, text))[1] for text in (b"a", b"b", b"c")]
    async with serve_gateway(settings, embedded) as address, aiohttp.ClientSession(f"http://{address}") as other:
        while (await call(other, "GET", "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        assert await read(other, f"/v1/files/{files[1]['id']}/content") == (200, b"b")
        _, listed = await call(other, "GET", "/v1/files?limit=2")
        assert ([one["id"] for one in listed["data"]], listed["has_more"]) == ([files[2]["id"], files[1]["id"]], True)
        _, listed = await call(other, "GET", f"/v1/files?after={files[1]['id']}&purpose=batch")
        assert ([one["id"] for one in listed["data"]], listed["has_more"]) == ([files[0]["id"]], False)
        assert (await call(other, "GET", "/v1/files?purpose=vision"))[1]["data"] == []
        new = (await upload(http, b"d"))[1]["id"]
        assert await read(other, f"/v1/files/{new}/content") == (200, b"d")  # known as soon as it is there
        async with other.delete(f"/v1/files/{new}", headers={"Content-Type": "application/json"}) as answer:
            assert json.loads(await answer.text()) == {"id": new, "object": "file", "deleted": True}
        async with asyncio.timeout(20):
            while (await call(http, "GET", f"/v1/files/{new}"))[0] != 404:  # noqa: ASYNC110  # nothing tells it
                await asyncio.sleep(0.05)
        assert (await call(other, "GET", f"/v1/files/{new}"))[1]["error"]["code"] == "unknown_file"


async def test_that_a_file_whose_pieces_are_too_old_is_not_there(http: aiohttp.ClientSession, client: Client) -> None:
    file = StoredFile(id="file-old", bytes=3, offsets=(-1,), purpose="batch", created_at=datetime.now(UTC))
    await (await client.send(FILES, file.id, file, id=file.id))
    assert (await call(http, "GET", "/v1/files/file-old"))[0] == 200
    status, said = await read(http, "/v1/files/file-old/content")
    assert (status, json.loads(said)["error"]["code"]) == (404, "unknown_file")
    asked = {"input_file_id": file.id, "endpoint": "/v1/embeddings", "completion_window": "24h"}
    _, batch = await call(http, "POST", "/v1/batches", asked)
    async with asyncio.timeout(60):
        while (batch := (await call(http, "GET", f"/v1/batches/{batch['id']}"))[1])["status"] != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert batch["errors"]["data"][0]["code"] == "input_lost"


async def test_that_a_file_is_at_most_so_large(embedded: Connection, settings: Settings) -> None:
    small = settings.model_copy(update={"gateway": GatewaySettings(port=0, max_file_bytes=2048)})
    async with serve_gateway(small, embedded) as address, aiohttp.ClientSession(f"http://{address}") as http:
        assert (await upload(http, b"x" * 2048))[0] == 200
        status, said = await upload(http, b"x" * 2049)
        assert (status, said["error"]["code"]) == (413, "too_large")


BOUNDARY = "multipart/form-data; boundary=b"
PURPOSE = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", PURPOSE + FILE + b"--b--\r\n"),
        (BOUNDARY, b""),
        (BOUNDARY, b"no form at all, but longer than its boundary"),
        (BOUNDARY, PURPOSE + b"--b--\r\n"),
        (BOUNDARY, FILE + b"--b--\r\n"),
        (BOUNDARY, PURPOSE + FILE),
        (BOUNDARY, PURPOSE + FILE + FILE + b"--b--\r\n"),
        (BOUNDARY, PURPOSE.replace(b"batch", b"a" * 5000) + FILE + b"--b--\r\n"),
        (BOUNDARY, PURPOSE.replace(b"batch", b"../x") + FILE + b"--b--\r\n"),
        (BOUNDARY, b"--b\r\n" + b"x" * 10_000 + b": y\r\n\r\n" + FILE + b"--b--\r\n"),
    ],
)
async def test_that_what_is_no_such_form_is_refused(http: aiohttp.ClientSession, kind: str, body: bytes) -> None:
    async with http.post("/v1/files", data=body, headers={"Content-Type": kind}) as answer:
        assert (answer.status, json.loads(await answer.text())["error"]["code"]) == (400, "invalid_request")
    assert (await call(http, "GET", "/v1/files"))[1]["data"] == []


async def test_that_a_file_may_come_in_any_pieces(http: aiohttp.ClientSession) -> None:
    async def bytewise() -> AsyncIterator[bytes]:
        for byte in PURPOSE + FILE.replace(b"x\r\n", b"x\r\n--\r\n-b\n") + b"\r\n--b--\r\n":
            yield bytes([byte])

    async with http.post("/v1/files", data=bytewise(), headers={"Content-Type": BOUNDARY}) as answer:
        file = json.loads(await answer.text())
    assert await read(http, f"/v1/files/{file['id']}/content") == (200, b"x\r\n--\r\n-b\n")
