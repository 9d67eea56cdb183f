"""Judged collections in the form of BEIR: `corpus.jsonl`, `queries.jsonl`, and judgments in `qrels/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ConfigurationError
from topics.documents import Document


class _Entry(BaseModel):
    """A line of `corpus.jsonl` or `queries.jsonl`."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    id: str = Field(alias="_id", min_length=1, max_length=500)
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class JudgedCollection:
    """Documents, and for each query by id its text, and how relevant documents are to it, 0 for not at all."""

    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    judgments: Mapping[str, Mapping[str, int]]


def read(folder: Path, split: str = "test") -> JudgedCollection:
    """Read a collection; queries of which no document is judged relevant are left out.

    A title becomes the heading of its document, as for a page of Markdown.

    Raises:
        ConfigurationError: a file is missing or malformed, or nothing is judged relevant.
    """
    documents = {entry.id: _document(entry) for entry in _entries(folder / "corpus.jsonl")}
    texts = {entry.id: entry.text for entry in _entries(folder / "queries.jsonl")}
    judged = _judgments(folder / "qrels" / f"{split}.tsv")
    judgments = {query: judged[query] for query in texts if any(judged.get(query, {}).values())}
    if not judgments:
        raise ConfigurationError(f"{folder}: no query of queries.jsonl has a relevant document in qrels/{split}.tsv")
    if unknown := {document for found in judgments.values() for document in found if document not in documents}:
        raise ConfigurationError(f"{folder}: {min(unknown)} is judged, but is not in corpus.jsonl")
    return JudgedCollection(tuple(documents.values()), {query: texts[query] for query in judgments}, judgments)


def _document(entry: _Entry) -> Document:
    title = " ".join(entry.title.split())
    if not title:
        return Document(id=entry.id, text=entry.text, format="text")
    return Document(id=entry.id, text=f"# {title}\n\n{entry.text}")


def _entries(file: Path) -> Iterator[_Entry]:
    for number, line in _lines(file):
        try:
            yield _Entry.model_validate_json(line)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise ConfigurationError(f"{file}, line {number}: {where}: {wrong['msg']}".replace(": : ", ": ")) from None


def _judgments(file: Path) -> dict[str, dict[str, int]]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for number, line in _lines(file):
        fields = line.split("\t")
        try:
            found[fields[0]][fields[1]] = max(0, round(float(fields[2])))
        except (IndexError, ValueError, OverflowError):
            if number > 1:  # the first names the columns
                wanted = "query, document and a number, with tabs between them"
                raise ConfigurationError(f"{file}, line {number}: is not {wanted}") from None
    return found


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8") as stream:
            yield from ((number, line.rstrip("\r\n")) for number, line in enumerate(stream, 1) if line.strip())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8") from None
