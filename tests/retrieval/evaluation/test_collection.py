from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.retrieval.evaluation.collection import read

CORPUS = '{"_id": "1", "title": "A\\ntitle", "text": "one"}\n\n{"_id": 2, "text": "# two"}\n'
QUERIES = '{"_id": "a", "text": "first"}\n{"_id": "b", "text": "second", "more": 1}\n{"_id": "c", "text": "third"}\n'
QRELS = "query-id\tcorpus-id\tscore\na\t1\t2\na\t2\t0\nb\t1\t0\n"


def collection(folder: Path, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS) -> Path:
    (folder / "qrels").mkdir()
    for name, text in (("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", qrels)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_title_is_a_heading_and_text_without_one_is_plain(tmp_path: Path) -> None:
    found = read(collection(tmp_path))
    assert [(one.id, one.text, one.format) for one in found.documents] == [
        ("1", "# A title\n\none", "markdown"),
        ("2", "# two", "text"),
    ]


def test_queries_without_a_relevant_document_are_left_out(tmp_path: Path) -> None:
    found = read(collection(tmp_path))
    assert (found.queries, found.judgments) == ({"a": "first"}, {"a": {"1": 2, "2": 0}})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"corpus": "{}\n"}, "corpus.jsonl, line 1: _id: Field required"),
        ({"queries": '{"_id": "a", "text": "x"}\n{"_id"\n'}, "queries.jsonl, line 2: Invalid JSON"),
        ({"qrels": "a\tb\tc\na 1 1\n"}, "test.tsv, line 2: is not query, document and a number"),
        ({"qrels": "a\tb\tc\na\t1\tinf\n"}, "test.tsv, line 2: is not query"),
        ({"qrels": "a\tb\tc\na\t9\t1\n"}, "9 is judged, but is not in corpus.jsonl"),
        ({"qrels": "a\tb\tc\n"}, "no query of queries.jsonl has a relevant document in qrels/test.tsv"),
    ],
)
def test_what_is_malformed_is_told_with_its_place(tmp_path: Path, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read(collection(tmp_path, **wrong))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"corpus\.jsonl cannot be read: No such file"):
        read(tmp_path)
    collection(tmp_path)
    with pytest.raises(ConfigurationError, match=r"dev\.tsv cannot be read"):
        read(tmp_path, "dev")


def test_what_is_not_utf8_is_named(tmp_path: Path) -> None:
    collection(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"corpus\.jsonl is not UTF-8"):
        read(tmp_path)
