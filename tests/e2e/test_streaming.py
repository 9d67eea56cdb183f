"""Answers on their way, as people see them: the real process, the embedded broker, models that follow a script."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO

import pytest

from app.streamed_text import StreamedText
from tests.docs.test_streaming import program
from tests.e2e.commands import Cli, environment
from topics.result_chunks import ResultChunk

pytestmark = pytest.mark.slow

TEXT = "An answer is shown while it is made, and goes on where it was cut off."
_CONFIG = f"""\
app_id: streaming
topics: {{partitions: 2}}
models:
  broken: {{provider: scripted, attempts: 1, options: {{default: "{TEXT}", piece_delay: 0.03, cut_after: 5}}}}
  sound: {{provider: scripted, options: {{default: "{TEXT}", piece_delay: 0.03}}}}
ask: {{models: [broken, sound], strategy: first, stream: true, retrieve: false}}
server: {{port: 0}}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("streaming")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


def test_the_pieces_come_to_the_answer_though_the_first_model_is_cut_off(cli: Cli) -> None:
    *chunks, result = cli.objects("ask", "why?", "--stream")
    assembled = StreamedText()
    for chunk in chunks:
        assembled.add(ResultChunk.model_validate(chunk))
    assert result["answer"] == TEXT
    assert TEXT.startswith(assembled.text)  # the result may be there before the last pieces
    assert {chunk["model"] for chunk in chunks} == {"broken", "sound"}
    assert len({chunk["stream"] for chunk in chunks}) == 2
    assert 4 <= len(chunks) < len(TEXT.split()) + 2


def test_people_see_one_text(cli: Cli) -> None:
    shown = cli("ask", "why?", "--stream")
    assert shown.count(TEXT) == 1
    assert "restarted" not in shown
    assert "broken" in shown.partition(TEXT)[2]  # who said what comes after the answer


def test_several_answers_are_told_apart(cli: Cli) -> None:
    tasks = "\n".join(f'{{"id": "t-{number}", "question": "?"}}' for number in (1, 2))
    shown = cli("tasks", "send", "-", "--wait", "--stream", text=tasks)
    assert shown.count(f"{TEXT}\n") == 4  # each as it was made, and in the line of its result
    assert shown.count("[t-1 answer]") == shown.count("[t-2 answer]") == 1
    assert "2 sent, 0 bad, 2 succeeded" in shown


def test_the_reader_of_the_page_goes_on_where_it_was_stopped(cli: Cli) -> None:
    (cli.folder / "reader.py").write_text(program(), encoding="utf-8")
    with ThreadPoolExecutor(1) as meanwhile, _reading(cli) as first:
        meanwhile.submit(cli, "tasks", "send", "-", text='{"id": "page", "question": "?"}')
        read = [first.readline().strip() for _ in range(2)]
    with _reading(cli) as second:
        rest = [line.removesuffix("\n") for line in second]
    assert TEXT.startswith(read[1])
    assert rest[-1] == TEXT
    assert all(len(line) > len(read[1]) for line in rest)


def test_the_reader_of_the_page_finds_an_answer_that_was_complete_before(cli: Cli) -> None:
    (cli.folder / "reader.py").write_text(program(), encoding="utf-8")
    cli("tasks", "send", "-", "--wait", text='{"id": "before", "question": "?"}')
    for number in range(6):  # it is a race: one run would prove little
        with _reading(cli, "before", f"memory-{number}.json") as output:
            assert output.readlines()[-1] == f"{TEXT}\n"
    with _reading(cli, "before", "memory-0.json") as output:  # it has had all of it
        assert output.readlines() == [f"{TEXT}\n"]


@contextmanager
def _reading(cli: Cli, task_id: str = "page", memory: str = "memory.json") -> Iterator[IO[str]]:
    """Yield what the page's reader prints of a task, and stop it in the end."""
    servers = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["bootstrap_servers"]
    process = subprocess.Popen(  # noqa: S603  # our own page's program
        [sys.executable, "reader.py", servers, task_id, memory],
        cwd=cli.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process.stdout:
        yield process.stdout
        process.kill()
        process.wait()


def test_streaming_needs_waiting(cli: Cli) -> None:
    assert "--stream needs --wait" in cli("tasks", "send", "-", "--stream", exit_code=2)
