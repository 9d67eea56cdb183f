from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.output import Output
from app.cli.tasks.stream_printer import StreamPrinter
from app.client.client import Client, attach
from app.client.reader import Reader
from app.settings import Settings, TopicSettings
from tests.delivery.fakes import until
from topics import RESULT_CHUNKS
from topics.base import Failure
from topics.result_chunks import ResultChunk
from topics.results import Result

Capture = pytest.CaptureFixture[str]


def _chunk(text: str, index: int = 0, *, attempt: int = 1, **fields: Any) -> ResultChunk:
    given = {"task_id": "t", "step": "say", "branch": "m", "model": "m", "request_id": "r", **fields}
    return ResultChunk.model_validate(
        {**given, "stream": f"r{given['step']}#n.{attempt}", "index": index, "text": text}
    )


def _result(answer: Any, **fields: Any) -> Result:
    now = datetime.now(UTC)
    given = {"task_id": "t", "workflow": "w", "status": "succeeded", "accepted_at": now, "finished_at": now}
    return Result.model_validate({**given, "answer": answer, **fields})


def _streamed(*chunks: ResultChunk, several: bool = False, programs: bool = False) -> StreamPrinter:
    found = StreamPrinter(Output(programs=programs), several=several)
    for task_id in ("t", "u"):
        found.expect(task_id)
    for chunk in chunks:
        found.take(chunk)
    return found


def test_that_pieces_are_printed_once_as_they_come_and_the_rest_with_the_result(capsys: Capture) -> None:
    streamed = _streamed(_chunk("One "), _chunk("One "), _chunk("tw", 1))
    assert capsys.readouterr().out == "One tw"
    streamed.finish(_result("One two."))
    assert capsys.readouterr() == ("o.\n", "")


def test_that_an_answer_that_was_printed_is_not_printed_again(capsys: Capture) -> None:
    _streamed(_chunk("One")).finish(_result("One"))
    assert capsys.readouterr() == ("One\n", "")


def test_that_data_that_were_printed_are_not_printed_again(capsys: Capture) -> None:
    _streamed(_chunk('{"a": 1}')).finish(_result({"a": 1}))
    assert capsys.readouterr() == ('{"a": 1}\n', "")
    _streamed(_chunk('{"a": 1}')).finish(_result({"a": 2}))
    assert capsys.readouterr() == ('{"a": 1}\n{"a": 2}\n', "[answer]\n")


def test_that_an_answer_without_pieces_is_printed_in_the_end(capsys: Capture) -> None:
    _streamed().finish(_result("One"))
    assert capsys.readouterr() == ("One\n", "")


def test_that_an_answer_that_goes_on_after_a_cut_goes_on_in_its_line(capsys: Capture) -> None:
    _streamed(_chunk("One t"), _chunk("wo", attempt=2, base=5)).finish(_result("One two"))
    assert capsys.readouterr() == ("One two\n", "")


def test_that_an_answer_that_starts_over_says_so(capsys: Capture) -> None:
    streamed = _streamed(_chunk("One"), _chunk("O", attempt=2))
    assert capsys.readouterr() == ("One", "")  # it may yet come to the same
    streamed.take(_chunk("ther", 1, attempt=2))
    streamed.finish(_result("Other"))
    assert capsys.readouterr() == ("\nOther\n", "[restarted]\n")


def test_that_steps_are_told_apart_and_do_not_mix(capsys: Capture) -> None:
    streamed = _streamed(_chunk("One "), _chunk("a plan", step="plan"))
    assert capsys.readouterr() == ("One ", "")
    streamed.take(_chunk("two", 1, end=True))
    assert capsys.readouterr() == ("two\na plan", "[plan]\n")
    streamed.finish(_result("One two"))
    assert capsys.readouterr() == ("\n", "")


def test_that_answers_to_several_tasks_come_one_after_the_other(capsys: Capture) -> None:
    done: list[str] = []
    streamed = StreamPrinter(Output(), several=True, done=lambda result: done.append(result.task_id))
    for task_id in ("t", "u", "v"):
        streamed.expect(task_id)
    streamed.take(_chunk("One"))
    streamed.take(_chunk("Eins", task_id="u"))
    streamed.finish(_result("Uno", task_id="v"))
    assert (capsys.readouterr(), done) == (("One", "[t say]\n"), [])
    streamed.finish(_result("One."))
    assert (capsys.readouterr(), done) == ((".\nEins", "[u say]\n"), ["t"])
    streamed.finish(_result("Eins", task_id="u"))
    assert (capsys.readouterr(), done) == (("\nUno\n", "[v answer]\n"), ["t", "u", "v"])


def test_that_of_a_failure_no_answer_is_printed(capsys: Capture) -> None:
    error = Failure(code="unavailable", message="gone")
    _streamed(_chunk("One")).finish(_result(None, status="failed", error=error))
    assert capsys.readouterr() == ("One\n", "")


def test_that_nothing_is_printed_of_other_tasks_or_after_the_result(capsys: Capture) -> None:
    streamed = _streamed(_chunk("x", task_id="other"))
    streamed.finish(_result("One"))
    streamed.take(_chunk("One"))
    assert capsys.readouterr().out == "One\n"


def test_that_control_characters_do_not_reach_the_terminal(capsys: Capture) -> None:
    _streamed(_chunk("\x1b[2J"))
    assert capsys.readouterr().out == "\\x1b[2J"


def test_that_programs_get_the_chunks(capsys: Capture) -> None:
    streamed = _streamed(_chunk("One"), programs=True)
    streamed.finish(_result("One two"))
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["One"]


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def test_that_pieces_are_read_from_the_topic_as_they_come(client: Client, capsys: Capture) -> None:
    streamed, printed = _streamed(), list[str]()

    def come() -> bool:
        printed.append(capsys.readouterr().out)
        return "".join(printed) == "Uno\nOne two"

    async with streamed.following(client):
        streamed.finish(_result("Uno", task_id="u"))
        for index, (task_id, text) in enumerate((("t", "One "), ("other", "x"), ("t", "two"))):
            chunk = _chunk(text, index // 2, task_id=task_id)
            await (await client.send(RESULT_CHUNKS, task_id, chunk, id=f"{index}"))
        await until(come)
    assert capsys.readouterr().out == "\n"  # the end of its line


async def test_that_what_is_not_a_piece_is_skipped(capsys: Capture) -> None:
    class Records(Reader):
        async def coming(self, timeout: float | None = None) -> AsyncIterator[Any]:  # noqa: ARG002  # the base's signature
            for value in (_chunk("One ").to_json(), b"{", _chunk("two", 1).to_json()):
                yield SimpleNamespace(key=b"t", value=value)

    async def check() -> None: ...

    await _streamed()._follow(Records(None, {}, {}, check), 1024)
    assert capsys.readouterr().out == "One two"


async def test_that_what_has_ended_is_printed_in_the_end_though_another_answer_has_not(
    client: Client, capsys: Capture
) -> None:
    streamed = _streamed(_chunk("One"))
    async with streamed.following(client):
        streamed.finish(_result("Uno", task_id="u"))
    assert capsys.readouterr() == ("One\nUno\n", "[answer]\n")
