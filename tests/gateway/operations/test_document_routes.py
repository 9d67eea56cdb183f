from __future__ import annotations

import json
from typing import Any

import aiohttp

from app.client.client import Client
from app.delivery.envelope import Outgoing, Received, headers
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.ingest import prepare_chunks
from tests.gateway.requests import call
from topics import CHUNKS, DEAD_LETTERS, DOCUMENTS
from topics.dead_letters import DeadLetter
from topics.documents import Document

TEXT = "# Guide\n\nRead me.\n\n# Warranty\n\nIt lasts two years.\n"


async def sent(client: Client, document_id: str) -> Any:
    """Return the last record of a document."""
    async with client.read(DOCUMENTS, from_beginning=True) as reader:
        return [record async for record in reader.held() if record.key == document_id.encode()][-1]


async def ingest(client: Client, document_id: str) -> None:
    """Do what the agent `ingest` does with the last record of a document."""
    record = await sent(client, document_id)
    document = DOCUMENTS.parse(record.value, max_bytes=1 << 20)
    cause = dict(record.headers)["ce_id"].decode()
    received: Received[Document] = Received(
        document, record.key, cause, "c", None, record.topic, record.partition, 0, 0.0
    )
    for part in await prepare_chunks(document, embedder=HashingEmbedder(), words=8, overlap=0):
        key = f"{document_id}/{part.part}"
        made = headers(Outgoing(CHUNKS, key, part, "id"), source="/w", cause=received, traceparent="t")
        await (await client.put(client.full_name(CHUNKS), key.encode(), part.to_json(), made, record.partition))


async def state(http: aiohttp.ClientSession, document_id: str) -> dict[str, Any]:
    status, said = await call(http, "GET", f"/v1/documents/{document_id}")
    assert status == 200, said
    return said


async def test_that_a_document_is_pending_until_it_is_searchable_and_then_gone(
    http: aiohttp.ClientSession, client: Client
) -> None:
    document = {"id": "docs/guide.md", "text": TEXT, "collection": "handbook"}
    status, said = await call(http, "POST", "/v1/documents", document)
    assert (status, said) == (202, {"id": "docs/guide.md", "status": "pending", "state": "/v1/documents/docs/guide.md"})
    assert (await state(http, "docs/guide.md"))["status"] == "pending"
    await ingest(client, "docs/guide.md")
    found = await state(http, "docs/guide.md")
    assert (found["status"], found["collection"]) == ("searchable", "handbook")
    assert [one["heading"] for one in found["chunks"]] == ["Guide", "Warranty"]
    await call(http, "POST", "/v1/documents", {**document, "text": "# New\n\nText."})
    again = await state(http, "docs/guide.md")
    assert (again["status"], len(again["chunks"])) == ("pending", 2)
    status, _ = await call(http, "DELETE", "/v1/documents/docs/guide.md")
    assert (status, (await state(http, "docs/guide.md"))["status"]) == (202, "pending")
    await ingest(client, "docs/guide.md")
    gone = await state(http, "docs/guide.md")
    assert (gone["status"], gone["chunks"]) == ("deleted", [])


async def test_that_a_document_that_cannot_be_ingested_tells_why(http: aiohttp.ClientSession, client: Client) -> None:
    await call(http, "POST", "/v1/documents", {"id": "bad", "text": "x"})
    record = await sent(client, "bad")
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason="poison",
        error="it",
        agent="ingest",
    )
    name, told = client.full_name(DEAD_LETTERS), [*record.headers, *letter.headers()]
    await (await client.put(name, record.key, record.value, told, record.partition))
    found = await state(http, "bad")
    assert (found["status"], found["error"]) == ("failed", {"code": "poison", "message": "it"})


async def test_that_documents_are_listed_by_id_page_by_page(http: aiohttp.ClientSession, client: Client) -> None:
    documents = [{"id": name, "text": TEXT, "collection": name[0]} for name in ("a/1.md", "a/2.md", "b/1.md")]
    status, said = await call(http, "POST", "/v1/documents/batch", {"documents": documents})
    assert (status, [one["id"] for one in said["data"]]) == (202, ["a/1.md", "a/2.md", "b/1.md"])
    for name in ("a/1.md", "a/2.md", "b/1.md"):
        await ingest(client, name)
    _, page = await call(http, "GET", "/v1/documents?limit=2")
    _, rest = await call(http, "GET", f"/v1/documents?limit=2&cursor={page['next']}")
    rows = page["data"] + rest["data"]
    assert ([row["id"] for row in rows], rest["next"]) == (["a/1.md", "a/2.md", "b/1.md"], None)
    assert (rows[0]["title"], rows[0]["chunks"]) == ("Guide", 2)
    assert [row["id"] for row in (await call(http, "GET", "/v1/documents?collection=b"))[1]["data"]] == ["b/1.md"]
    assert len((await call(http, "GET", "/v1/documents?match=a/*"))[1]["data"]) == 2


async def test_that_an_unknown_document_is_404_and_an_invalid_one_422(http: aiohttp.ClientSession) -> None:
    assert (await call(http, "GET", "/v1/documents/none"))[1]["code"] == "unknown_document"
    for body in (
        {"id": "", "text": "x"},
        {"id": "a", "text": "x", "txt": "y"},
        {"id": "a\u0000", "text": "x"},
        {"id": "a"},
        {"id": "a", "text": "x", "data": "YQ==", "content_type": "text/csv"},
        {"id": "a", "data": "%", "content_type": "text/csv"},
        {"id": "a", "data": "YQ=="},
        {"id": "a.png", "data": "YQ==", "content_type": "image/png"},
    ):
        status, said = await call(http, "POST", "/v1/documents", body)
        assert (status, said["code"]) == (422, "invalid_request")


async def test_that_data_and_uploaded_files_are_sent_with_their_content_type(
    http: aiohttp.ClientSession, client: Client
) -> None:
    asked = {"id": "prices.csv", "data": "YSxiCjEsMg=="}
    assert (await call(http, "POST", "/v1/documents", asked))[0] == 202
    document = DOCUMENTS.parse((await sent(client, "prices.csv")).value, max_bytes=1 << 20)
    assert (document.content_type, document.data, document.text) == ("text/csv", "YSxiCjEsMg==", "")
    form = aiohttp.FormData({"purpose": "documents"})
    form.add_field("file", b"%PDF-1.7", filename="manual.pdf")
    async with http.post("/v1/files", data=form) as answer:
        file = json.loads(await answer.text())
    assert (await call(http, "POST", "/v1/documents", {"id": "manual", "file_id": file["id"]}))[0] == 202
    document = DOCUMENTS.parse((await sent(client, "manual")).value, max_bytes=1 << 20)
    assert document.file is not None
    assert (document.content_type, document.file.id, document.file.bytes) == ("application/pdf", file["id"], 8)
    status, said = await call(http, "POST", "/v1/documents", {"id": "manual", "file_id": "file-none"})
    assert (status, said["code"]) == (404, "unknown_file")
