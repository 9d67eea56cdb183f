from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock

import pytest

from agents.ingest import AGENT, handle
from app.delivery.kafka.file_reader import FileLost
from app.dependencies import Dependencies
from app.errors import RetrievalError, UnreadableDocument
from app.partitioner import partition_of
from app.retrieval.memory import MemoryStore
from app.retrieval.several import Stores
from app.settings import Settings
from app.vectors import decode
from tests.agents.deps import Embedder, assemble, received
from tests.delivery.fakes import Harness, Stream, until
from topics import AUDIT, CHUNKS, DOCUMENTS
from topics.audit import AuditEvent
from topics.chunks import DocumentChunks
from topics.documents import Document
from topics.files import StoredFile

DOCUMENT = Document(id="guide", text="# Why\n\nBecause.\n", source="guide.md", collection="docs")
HOME = partition_of("guide", Settings().topics.partitions)
FILE = StoredFile(id="file-1", filename="guide.csv", bytes=7, created_at=datetime(2026, 12, 1, tzinfo=UTC))
#: Enough words for chunks whose JSON does not fit into one part.
LONG = Document(id="long", text="\n\n".join(f"# H{n}\n\n" + "x" * 9000 for n in range(200)))


async def _handled(deps: Dependencies, document: Document) -> tuple[list[tuple[str, str, DocumentChunks]], AuditEvent]:
    home = partition_of(document.id, deps.settings.topics.partitions)
    *outgoing, last = await handle(received(document, partition=home), deps)
    assert {out.topic.name for out in outgoing} == {CHUNKS.name}
    assert {out.partition for out in (*outgoing, last)} == {home}
    assert (last.topic, last.key) == (AUDIT, document.id)
    assert isinstance(last.event, AuditEvent)
    return [(out.key, out.id, out.event) for out in outgoing if isinstance(out.event, DocumentChunks)], last.event


async def test_that_a_document_becomes_embedded_chunks_and_a_line_of_the_audit() -> None:
    ((key, name, part),), audit = await _handled(assemble(), DOCUMENT)
    assert (key, name, part.document_id, part.part, part.collection) == (
        "guide/0",
        f"cause/{part.version}/0",
        "guide",
        0,
        "docs",
    )
    (embedded,) = part.chunks
    assert (embedded.chunk.source, embedded.chunk.text) == ("guide.md", "Because.")
    assert decode(embedded.embedding).shape == (2,)
    assert (audit.actor, audit.action, audit.subject) == ("ingest", "document.ingested", "guide")
    assert audit.details == {"chunks": 1, "collection": "docs"}


async def test_that_a_deleted_document_is_one_empty_part() -> None:
    ((key, _, part),), audit = await _handled(assemble(), Document(id="guide", deleted=True))
    assert (key, part.part, part.chunks) == ("guide/0", 0, ())
    assert audit.action == "document.deleted"


async def test_that_the_parts_of_a_long_document_have_keys_and_ids_of_their_own_in_order() -> None:
    deps, audit = await _handled(assemble(), LONG)
    assert len(deps) > 1
    assert [part.part for _, _, part in deps] == list(range(len(deps)))
    assert [key for key, _, _ in deps] == [f"long/{number}" for number in range(len(deps))]
    assert len({name for _, name, _ in deps}) == len(deps)
    assert len({part.version for _, _, part in deps}) == 1
    assert audit.details["chunks"] == sum(len(part.chunks) for _, _, part in deps)


async def test_that_the_same_document_has_the_same_ids_again() -> None:
    first, _ = await _handled(assemble(), DOCUMENT)
    second, _ = await _handled(assemble(), DOCUMENT)
    assert first == second


async def test_that_a_failing_embedder_is_for_delivery_to_try_again() -> None:
    deps = assemble()
    assert isinstance(deps.embedder, Embedder)
    deps.embedder.error = RetrievalError("away")
    with pytest.raises(RetrievalError):
        await handle(received(DOCUMENT, partition=HOME), deps)


async def test_that_the_agent_takes_a_document_again_and_in_order() -> None:
    harness, stream = Harness(), Stream()
    harness.own(DOCUMENTS.name, HOME)
    harness.start(AGENT.run(stream, assemble(harness)))
    changed = DOCUMENT.model_copy(update={"text": "# Why\n\nTherefore.\n"})
    three = [harness.message(DOCUMENTS, document, partition=HOME) for document in (DOCUMENT, changed, DOCUMENT)]
    harness.deliver(stream, *three)
    await until(lambda: harness.committable(DOCUMENTS, HOME) == 3)
    deps = [DocumentChunks.model_validate_json(record.value or b"") for record in harness.producer.on(CHUNKS)]
    assert [part.chunks[0].chunk.text for part in deps] == ["Because.", "Therefore.", "Because."]
    assert len(harness.producer.on(AUDIT)) == 3
    await harness.stop()


async def test_that_a_document_elsewhere_is_sent_home_before_anything_is_done_for_it() -> None:
    harness, stream = Harness(), Stream()
    deps = assemble(harness)
    elsewhere = (HOME + 1) % deps.settings.topics.partitions
    harness.own(DOCUMENTS.name, elsewhere)
    harness.start(AGENT.run(stream, deps))
    values = (DOCUMENT.to_json(), b'{"id": "guide", "deleted": true, "colour": null}', None)
    harness.deliver(stream, *(harness.message(DOCUMENTS, value, key=b"guide", partition=elsewhere) for value in values))
    await until(lambda: harness.committable(DOCUMENTS, elsewhere) == 3)
    moved = harness.producer.on(DOCUMENTS)
    assert [(record.key, record.partition) for record in moved] == [(b"guide", HOME)] * 3
    assert [record.value for record in moved[:2]] == list(values[:2])
    assert Document.model_validate_json(moved[2].value or b"") == Document(id="guide", deleted=True)
    assert harness.producer.on(CHUNKS) == harness.producer.on(AUDIT) == []
    await harness.stop()


async def test_that_null_deletes_the_document_of_its_key() -> None:
    harness, stream = Harness(), Stream()
    harness.own(DOCUMENTS.name, HOME)
    harness.start(AGENT.run(stream, assemble(harness)))
    harness.deliver(stream, harness.message(DOCUMENTS, None, key=b"guide", partition=HOME))
    await until(lambda: harness.producer.on(AUDIT))
    (part,) = [DocumentChunks.model_validate_json(record.value or b"") for record in harness.producer.on(CHUNKS)]
    assert (part.document_id, part.part, part.chunks) == ("guide", 0, ())
    (noted,) = [AuditEvent.model_validate_json(record.value or b"") for record in harness.producer.on(AUDIT)]
    assert noted.action == "document.deleted"
    await harness.stop()


async def test_that_a_tenants_document_has_a_key_of_its_own_and_its_access_in_each_chunk() -> None:
    own = DOCUMENT.model_copy(update={"tenant": "acme", "allowed_roles": ("hr",), "actor": "ann"})
    home = partition_of(own.key, Settings().topics.partitions)
    first, audit = await handle(received(own, key=own.key.encode(), partition=home), assemble())
    assert isinstance(first.event, DocumentChunks)
    assert isinstance(audit.event, AuditEvent)
    assert (first.key, first.event.tenant, first.event.allowed_roles) == ("acme\x1fguide/0", "acme", ("hr",))
    assert first.event.chunks[0].chunk.id.startswith("acme\x1fguide#")
    assert (audit.event.actor, audit.event.details["tenant"]) == ("ann", "acme")
    ((_, _, shared),), _ = await _handled(assemble(), DOCUMENT)
    assert shared.version != first.event.version


async def test_that_a_tenants_document_under_another_key_is_sent_under_its_own() -> None:
    own = DOCUMENT.model_copy(update={"tenant": "acme"})
    home = partition_of(own.key, Settings().topics.partitions)
    for partition in (home, home + 1):
        (moved,) = await handle(received(own, key=b"guide", partition=partition), assemble())
        assert (moved.topic, moved.key, moved.partition) == (DOCUMENTS, "acme\x1fguide", home)


def test_that_no_two_documents_share_a_key_and_null_deletes_the_right_one() -> None:
    documents = [Document(id=name, tenant=tenant) for name in ("a", "b\x1fa", "\x1fa") for tenant in ("", "b", "a")]
    assert len({one.key for one in documents}) == len(documents)
    assert DOCUMENTS.tombstone
    assert [DOCUMENTS.tombstone(one.key) for one in documents] == [
        one.model_copy(update={"deleted": True}) for one in documents
    ]


async def _read(document: Document, deps: Dependencies | None = None) -> tuple[DocumentChunks, AuditEvent]:
    ((_, _, part),), audit = await _handled(deps or assemble(), document)
    return part, audit


async def test_that_data_is_read_as_its_content_type_says_and_what_is_lost_is_told() -> None:
    deps = assemble()
    data = b64encode(b"a,b\n1,caf\xc3\xa9 \xff\n").decode()
    part, audit = await _read(Document(id="guide", content_type="text/csv", data=data), deps)
    (one,) = part.chunks
    assert (one.chunk.text, one.chunk.cells) == ("| a | b |\n| --- | --- |\n| 1 | café \ufffd |", "A1:B2")
    assert audit.details["lost_characters"] == 1
    await deps.parser.close()


async def test_that_the_name_says_the_format_where_nothing_else_does() -> None:
    deps = assemble()
    part, _ = await _read(Document(id="guide", source="guide.csv", data=b64encode(b"a,b\n1,2").decode()), deps)
    assert part.chunks[0].chunk.cells == "A1:B2"
    await deps.parser.close()


async def test_that_code_is_cut_without_another_process() -> None:
    part, _ = await _read(Document(id="guide", content_type="text/x-python", text="def run():\n    pass\n"))
    assert part.chunks[0].chunk.heading == "def run()"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"data": "YQ=="}, "content_type: must say of what format"),
        ({"data": "%", "content_type": "text/csv"}, "data: must be base64"),
        ({"data": "YQ==", "content_type": "application/pdf"}, "Parsing error"),
        ({"data": "YQ==", "content_type": "image/png"}, "image/png: cannot be read"),
        ({"file": FILE.model_copy(update={"bytes": 10**9}), "content_type": "text/csv"}, "max_file_bytes"),
    ],
)
async def test_that_what_cannot_be_read_is_refused_for_good(fields: dict[str, Any], complaint: str) -> None:
    deps = assemble()
    with pytest.raises(UnreadableDocument, match=complaint) as refused:
        await handle(received(Document(id="guide", **fields), partition=HOME), deps)
    assert not refused.value.transient
    await deps.parser.close()


async def test_that_a_file_is_read_from_its_pieces_and_one_that_is_gone_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deps = assemble()
    monkeypatch.setattr(deps.files, "read_all", AsyncMock(side_effect=[b"a,b\n1,2", FileLost("f")]))
    part, _ = await _read(Document(id="guide", file=FILE), deps)
    assert part.chunks[0].chunk.cells == "A1:B2"
    with pytest.raises(UnreadableDocument, match=r"older than topics\.retention: add the document again"):
        await handle(received(Document(id="guide", file=FILE), partition=HOME), deps)
    await deps.parser.close()


async def test_that_what_did_not_change_is_not_embedded_again() -> None:
    embedder = Embedder()
    store = MemoryStore(embedder)
    deps = replace(assemble(), stores=Stores({"default": store}, {}), embedder=embedder)
    part, _ = await _read(Document(id="guide", text="# A\n\none\n\n# B\n\ntwo"), deps)
    await store.apply(part)
    embedder.asked.clear()
    changed, _ = await _read(Document(id="guide", text="new\n\n# A\n\none\n\n# B\n\nother"), deps)
    assert embedder.asked == ["new", "B\nother"]
    assert [one.embedding for one in changed.chunks if one.chunk.text == "one"] == [part.chunks[0].embedding]
