from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import UnreadableDocument
from app.retrieval.parsing.parser import DocumentParser
from app.settings import ParsingSettings
from tests.delivery.fakes import until

MANUAL = Path(__file__).with_name("files").joinpath("manual.pdf").read_bytes()
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the limits of processes are POSIX")


@pytest.fixture
async def parser() -> AsyncIterator[DocumentParser]:
    made = DocumentParser(ParsingSettings())
    yield made
    await made.close()


def pid(parser: DocumentParser) -> int:
    (process,) = parser._idle
    return process.pid


async def test_a_document_is_read_in_another_process(parser: DocumentParser) -> None:
    parsed = await parser.parse(MANUAL, "application/pdf")
    assert [one.page for one in parsed.pages] == [1, 2, 3]
    first = pid(parser)
    assert first != os.getpid()
    assert (await parser.parse("Größe".encode("cp1252"), "text/plain")).text == "Größe"
    assert pid(parser) == first


@POSIX
async def test_the_process_has_no_secret_of_its_parent(parser: DocumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    await parser.parse(b"a", "text/plain")
    assert b"sk-secret" not in _environment(pid(parser))


def _environment(process: int) -> bytes:
    file = Path(f"/proc/{process}/environ")
    return file.read_bytes() if file.exists() else b""


async def test_why_a_document_is_refused_comes_back_and_the_process_stays(parser: DocumentParser) -> None:
    with pytest.raises(UnreadableDocument, match="Parsing error"):
        await parser.parse(b"PK\x03\x04 something else", "application/pdf")
    first = pid(parser)
    assert (await parser.parse(b"a,b\n1,2", "text/csv")).text.endswith("| 1 | 2 |")
    assert pid(parser) == first


async def test_a_process_that_dies_is_replaced_and_the_document_blamed(parser: DocumentParser) -> None:
    await parser.parse(b"a", "text/plain")
    os.kill(pid(parser), signal.SIGSTOP)  # it dies while it reads
    reading = asyncio.create_task(parser.parse(MANUAL, "application/pdf"))
    process = await _at_work(parser)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(UnreadableDocument, match="the parser died of it"):
        await reading
    assert (await parser.parse(b"b", "text/plain")).text == "b"
    assert pid(parser) != process


async def _at_work(parser: DocumentParser) -> int:
    await until(lambda: bool(parser.busy))
    return parser.busy[0]


async def test_a_document_that_takes_too_long_is_refused_and_the_next_is_read() -> None:
    parser = DocumentParser(ParsingSettings.model_validate({"timeout": 1.0}))
    await parser.parse(b"a", "text/plain")  # the process is started, which may take longer
    stopped = pid(parser)
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(UnreadableDocument, match=r"not read within 1 s, which is retrieval\.parsing\.timeout"):
        await parser.parse(MANUAL, "application/pdf")
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)
    await parser.close()


@POSIX
async def test_a_document_that_takes_too_much_memory_is_refused() -> None:
    parser = DocumentParser(ParsingSettings(memory=512 * 1024 * 1024, characters=10**9, cells=10**9))
    rows = b"a,b\n" + b"1,2\n" * 3_000_000
    with pytest.raises(UnreadableDocument, match="memory"):
        await parser.parse(rows, "text/csv")
    assert (await parser.parse(b"b", "text/plain")).text == "b"
    await parser.close()


async def test_a_process_without_work_is_ended() -> None:
    parser = DocumentParser(ParsingSettings(), idle=0.05)
    await parser.parse(b"a", "text/plain")
    process = parser._idle[0]
    await until(lambda: not process.alive)
    assert (await parser.parse(b"b", "text/plain")).text == "b"
    await parser.close()
