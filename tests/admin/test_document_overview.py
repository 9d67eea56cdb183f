from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.admin.document_overview import DocumentSummary, _Ingested, _Sent, _summary, duplicates
from topics.base import Failure

AT = datetime(2026, 12, 1, tzinfo=UTC)
FAILURE = Failure(code="unreadable_document", message="damaged")


def summary(name: str, age: int = 0, **fields: Any) -> DocumentSummary:
    known = {"id": name, "tenant": "", "collection": "default", "source": name, "status": "searchable"}
    return DocumentSummary.model_validate({**known, "content": "a/b", "sent_at": AT - timedelta(days=age), **fields})


def test_of_documents_that_say_the_same_all_but_the_oldest_are_double() -> None:
    found = [
        summary("new"),
        summary("old", age=9),
        summary("other", content="a"),
        summary("empty", content=""),
        summary("nothing", content=""),
        summary("theirs", age=1, tenant="acme"),
        summary("elsewhere", age=1, collection="more"),
    ]
    assert [one.id for one in duplicates(found)] == ["new"]


def sent(*, deleted: bool = False) -> _Sent:
    return _Sent("a", "", "default", "a", deleted, "cause", (0, 7), AT.timestamp())


def ingested(cause: str = "cause", *chunks: str) -> _Ingested:
    return _Ingested("1", cause, "minilm", {0: chunks}, {0: 5 * len(chunks)})


@pytest.mark.parametrize(
    ("document", "chunks", "error", "expected"),
    [
        (sent(), None, None, "pending"),
        (sent(), None, FAILURE, "failed"),
        (sent(), ingested("cause", "a", "b"), None, "searchable"),
        (sent(), ingested("cause", "a", "b"), FAILURE, "searchable"),  # it was replayed
        (sent(), ingested("cause"), None, "empty"),
        (sent(), ingested("before", "a"), None, "pending"),
        (sent(), ingested("before", "a"), FAILURE, "failed"),
        (sent(deleted=True), ingested("before", "a"), None, "pending"),
        (sent(deleted=True), ingested("cause"), None, "deleted"),
        (sent(deleted=True), None, None, "deleted"),
    ],
)
def test_the_status_is_that_of_the_last_version(
    document: _Sent, chunks: _Ingested | None, error: Failure | None, expected: str
) -> None:
    found = _summary(document, chunks, error)
    assert found.status == expected
    assert (found.error is not None) == (expected == "failed")
    assert found.chunks == (len(chunks.chunks[0]) if chunks else 0)
