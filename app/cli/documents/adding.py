"""Send documents from the command line, and show what becomes of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from app.admin import document_sending
from app.cli.output import Output
from app.client.client import connect
from app.settings import Settings
from topics.audit import AuditEvent
from topics.dead_letters import DeadLetter
from topics.documents import Document

_MEDIA_TYPES = {"markdown": "text/markdown", "text": "text/plain"}


def fitting(documents: Iterable[Document], settings: Settings) -> Iterator[Document]:
    """Yield documents, with a text that makes too large an event as data, which may go to a file."""
    most = settings.delivery.max_event_bytes
    for document in documents:
        if document.data is None and len(document.to_json()) > most:
            media_type = document.content_type or _MEDIA_TYPES[document.format]
            data = b64encode(document.text.encode()).decode()
            yield document.model_copy(update={"text": "", "content_type": media_type, "data": data})
        else:
            yield document


class Sending:
    """Sends documents and prints each of them: as it was sent, or as it was ingested; `sent` and `failed` count."""

    def __init__(self, settings: Settings, output: Output) -> None:
        self.sent = 0
        self.failed = 0
        self._settings = settings
        self._output = output

    async def send(self, documents: Iterable[Document]) -> None:
        """Send documents without waiting for what becomes of them.

        Raises:
            BrokerError: the broker cannot be reached, or fails.
        """
        async with connect(self._settings) as client:
            async for document in document_sending.sending(client, documents):
                self.sent += 1
                _print(self._output, {"id": document.id})

    async def ingest(self, documents: Iterable[Document], timeout: float) -> None:
        """Send documents, and show how many are left until all are ingested, deleted or dead letters.

        Raises:
            BrokerError: the broker cannot be reached, or fails.
            DeadlineExceeded: some are none of it after `timeout` seconds.
        """
        with self._output.progress() as progress:
            bar = progress.add_task("sending", total=None)
            chunks = 0

            def advance() -> None:
                left = self.sent - ingestion.ingested - ingestion.failed
                said = f"{chunks} chunks embedded, {max(left, 0)} documents left"
                progress.update(bar, description=said, total=self.sent, completed=self.sent - left)

            def count() -> Iterator[Document]:
                for document in documents:
                    self.sent += 1
                    yield document

            def each(event: AuditEvent) -> None:
                nonlocal chunks
                chunks += int(str(event.details.get("chunks", 0)))
                _print(self._output, _summary(event))
                advance()

            def fails(document_id: str, letter: DeadLetter) -> None:
                self.failed += 1
                self._output.note(f"{document_id}: {letter.error}")
                advance()

            ingestion = document_sending.Ingestion(each, fails)
            async with connect(self._settings) as client:
                await ingestion.run(client, count(), timeout)


def _summary(event: AuditEvent) -> dict[str, Any]:
    return {"id": event.subject, "action": event.action.removeprefix("document."), **event.details}


def _print(output: Output, fields: dict[str, Any]) -> None:
    if output.programs:
        output.emit(fields)
    else:
        output.say("  ".join(str(value) if name == "id" else f"{name}={value}" for name, value in fields.items()))
