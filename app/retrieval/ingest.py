"""Turn a document into the events from which every index is built."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from app import vectors
from app.retrieval.base import Embedder, in_background, searchable
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.parsing.parsed import ParsedDocument
from app.vectors import Vector
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.documents import Document
from topics.retrieval_results import Chunk


async def prepare_chunks(  # what is known of a document, and the settings
    document: Document,
    parsed: ParsedDocument | None = None,
    *,
    embedder: Embedder,
    words: int,
    overlap: int,
    known: Mapping[str, Vector] | None = None,
    part_bytes: int = 700_000,
) -> list[DocumentChunks]:
    """Return `document` split, embedded and packed into parts whose JSON is at most `part_bytes` long.

    A longer chunk has a part of its own. A deleted document, or one without visible text, is one empty part. A chunk
    is embedded together with its heading and header, unless its vector is `known` by its id, which stands for them.

    Raises:
        ConfigurationError: the overlap is not smaller than the chunk.
        RetrievalError: the embedder failed.
    """
    chunks = (
        []
        if document.deleted
        else await asyncio.to_thread(chunk_document, document, parsed, words=words, overlap=overlap)
    )
    found = dict(known or {})
    new = [chunk for chunk in chunks if chunk.id not in found]
    rows = await in_background(embedder).embed([searchable(chunk) for chunk in new])
    found.update(zip((chunk.id for chunk in new), rows, strict=True))
    embedded = [EmbeddedChunk(chunk=chunk, embedding=vectors.encode(found[chunk.id])) for chunk in chunks]
    empty = DocumentChunks(
        document_id=document.id,
        version=_version(document, chunks, embedder.name, part_bytes),
        collection=document.collection,
        embedder=embedder.name,
        tenant=document.tenant,
        allowed_roles=document.allowed_roles,
        metadata=document.metadata,
    )
    return [
        empty.model_copy(update={"part": number, "chunks": tuple(part)})
        for number, part in enumerate(_packed(embedded, part_bytes - len(empty.to_json()) - len("0000")))
    ]


def _version(document: Document, chunks: Sequence[Chunk], embedder: str, part_bytes: int) -> str:
    """Return a hash of all that determines the parts: text, size, overlap, embedder, chunker, access and metadata.

    The size of parts is included: parts of the same version but of another size would repeat some chunks.
    """
    digest = blake2b(digest_size=16)
    for fact in (document.collection, embedder, str(part_bytes)):
        digest.update(fact.encode() + b"\0")
    for chunk in chunks:
        digest.update(chunk.to_json() + b"\0")
    about = [document.tenant, document.allowed_roles, document.metadata]
    if about != ["", None, {}]:
        digest.update(json.dumps(about).encode())
    return digest.hexdigest()


def _packed(chunks: Sequence[EmbeddedChunk], room: int) -> Iterator[list[EmbeddedChunk]]:
    """Yield the chunks in groups of at most `room` bytes; one empty group when there are none."""
    held: list[EmbeddedChunk] = []
    size = 0
    for chunk in chunks:
        length = len(chunk.to_json()) + len(",")
        if held and size + length > room:
            yield held
            held, size = [], 0
        held.append(chunk)
        size += length
    yield held
