from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest
from mcp import Client as McpClient
from mcp.shared.exceptions import MCPError

from app.client.client import Client
from app.delivery.envelope import Outgoing, headers
from app.partitioner import partition_of
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.ingest import prepare_chunks
from topics import CHUNKS, DOCUMENTS
from topics.documents import Document

TEXT = "# Guide\n\nIt lasts two years.\n"


async def add(client: Client, documents: Iterable[Document]) -> None:
    """Send documents, and do what workers do with them."""
    for document in documents:
        await (await client.send(DOCUMENTS, document.key, document, id=document.key))
        for part in await prepare_chunks(document, embedder=HashingEmbedder(), words=20, overlap=0):
            key = f"{part.document_key}/{part.part}"
            made = headers(Outgoing(CHUNKS, key, part, "id"), source="/w", cause=None, traceparent="t")
            home = partition_of(document.key, client.settings.topics.partitions)
            await (await client.put(client.full_name(CHUNKS), key.encode(), part.to_json(), made, home))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_that_documents_are_listed_page_by_page_and_read(
    http: aiohttp.ClientSession, client: Client, mode: Any
) -> None:
    await add(
        client, [Document(id="docs/guide ü.md", text=TEXT), *(Document(id=f"{n:03}", text=TEXT) for n in range(100))]
    )
    async with McpClient(str(http._base_url).rstrip("/") + "/mcp", mode=mode) as mcp:
        first = await mcp.list_resources()
        second = await mcp.list_resources(cursor=first.next_cursor)
        listed = [*first.resources, *second.resources]
        assert (len(first.resources), second.next_cursor) == (100, None)
        assert [one.name for one in listed] == [*(f"{n:03}" for n in range(100)), "docs/guide ü.md"]
        assert (listed[-1].title, listed[-1].uri) == ("Guide", "meta-ai://documents/docs%2Fguide%20%C3%BC.md")
        (content,) = (await mcp.read_resource(listed[-1].uri)).contents
        assert (content.mime_type, content.text) == ("text/markdown", TEXT)  # type: ignore[union-attr]  # a text
        for nothing in ("meta-ai://documents/none", "file:///etc/passwd"):
            with pytest.raises(MCPError, match="there is no document"):
                await mcp.read_resource(nothing)
        with pytest.raises(MCPError, match=r"invalid_request: query\.cursor"):
            await mcp.list_resources(cursor="?")


async def test_that_the_text_is_that_of_the_last_version_until_it_is_deleted(
    http: aiohttp.ClientSession, client: Client
) -> None:
    await add(client, [Document(id="a", text=TEXT), Document(id="a", text="New.", format="text", tenant="acme")])
    await add(client, [Document(id="a", text="Newer.", format="text", tenant="acme"), Document(id="a", deleted=True)])
    async with McpClient(str(http._base_url).rstrip("/") + "/mcp") as mcp:
        (one,) = (await mcp.list_resources()).resources
        assert one.uri == "meta-ai://documents/a?tenant=acme"
        (content,) = (await mcp.read_resource(one.uri)).contents
        assert (content.mime_type, content.text) == ("text/plain", "Newer.")  # type: ignore[union-attr]  # a text
        with pytest.raises(MCPError, match="there is no document"):
            await mcp.read_resource("meta-ai://documents/a")
