from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.output import Output
from app.cli.routing import fitting
from app.errors import ConfigurationError
from app.routing.fitting import Sample
from app.routing.router import Router
from app.settings import RetrievalSettings

MAX_BYTES = 10_000
#: The weak model does what is short.
SAMPLES = [Sample("word " * (place % 40 + 1), float(place % 40 < 20), 1.0, 0.001, 0.01) for place in range(80)]
HASHING = RetrievalSettings(embedder="hashing")


def test_questions_are_those_of_the_tasks_in_either_form(tmp_path: Path) -> None:
    tasks, source = tmp_path / "tasks.jsonl", tmp_path / "results.jsonl"
    rows = [
        {"id": "t1", "question": "short form?"},
        {"id": "t2", "input": {"question": "long form?"}},
        {"id": "t3", "input": {"title": "a", "number": 1, "body": "b"}},
    ]
    tasks.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\nno task\n", encoding="utf-8")
    said = [{"branch": name, "model": name, "text": "x"} for name in ("w", "s")]
    result = {"workflow": "w", "status": "succeeded", "answer": "x", "candidates": said}
    times = {"accepted_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z"}
    results = [{"task_id": f"t{number}", **result, **times} for number in (1, 2, 3)]
    source.write_text("".join(json.dumps(one) + "\n" for one in results), encoding="utf-8")
    recording = fitting.read(source, tasks, "w", "s", MAX_BYTES)
    assert [sample.text for sample in recording.samples] == ["short form?", "long form?", "a\nb"]


@pytest.mark.parametrize(("embedding", "size"), [(None, 0), (HASHING, 256)])
def test_a_router_judges_by_embeddings_where_there_is_an_embedder(
    embedding: RetrievalSettings | None, size: int, tmp_path: Path
) -> None:
    fitted = fitting.fit(SAMPLES, embedding, 0.95)
    fitting.save(fitted, tmp_path / "router.json")
    written = Router.model_validate_json((tmp_path / "router.json").read_bytes())
    assert written == fitted.router
    assert (len(written.embedding), bool(written.embedder)) == (size, size > 0)


@pytest.mark.parametrize("embedding", [None, HASHING])
def test_no_samples_at_all_are_too_few(embedding: RetrievalSettings | None) -> None:
    with pytest.raises(ConfigurationError, match="cannot be fitted on 0 questions"):
        fitting.fit([], embedding, 0.95)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        fitting.save(fitting.fit(SAMPLES, None, 0.95), tmp_path / "absent" / "router.json")


def test_the_table_has_both_ends_and_one_chosen_row(capsys: pytest.CaptureFixture[str]) -> None:
    fitting.show(Output(), fitting.fit(SAMPLES, None, 0.95), len(SAMPLES))
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "threshold"
    table = [row for row in rows if "$" in row]
    assert ("100%" in table[0], "0%" in table[-1]) == (True, True)
    assert len(table) <= 13
    assert sum("*" in row for row in table) == 1
