"""Loads workflows from files, and reports all their errors at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.source.files import read, read_bytes
from app.source.problems import Key, Problem, SourceError, place_of, problems_error, without_consequences
from app.source.syntax import Document
from app.workflows.checks import Names, check
from app.workflows.definition.inlining import inline
from app.workflows.definition.spec import Workflow
from app.workflows.definition.validation import explain, shown

#: The keys under which there is JSON of any kind.
_ANY_JSON = frozenset({"arguments", "fallback", "input", "output", "parameters", "schema"})
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A workflow from a file; `lines` maps each key to its place, as file:line.

    `warnings` are what looks wrong, though the workflow can run.
    """

    spec: Workflow
    file: Path
    lines: Mapping[Key, str]
    warnings: tuple[Problem, ...] = ()


def load(paths: Path | Sequence[Path], names: Names | None = None) -> list[Loaded]:
    """Return the workflows in files and in folders of files, one in each file, folders in the order of names.

    With `names`, what the settings have, models and connectors must be there. Every workflow that is loaded
    here counts as one that others can call.

    Raises:
        ConfigurationError: one line for each problem: file:line, the key, what is wrong, and how to fix it.
    """
    problems: list[Problem] = []
    found = [one for file in _files(paths, problems) if (one := _load(file, problems))]
    checked = [_checked(one, document, _with(names, found), problems) for one, document in found]
    problems += _twice(checked)
    if problems:
        raise problems_error(problems)
    return checked


def load_bytes(content: bytes, source: str, names: Names | None = None, *, json: bool) -> Loaded:
    """Return the workflow that was sent as YAML or JSON, which errors call `source`; no file that it names is read.

    Raises:
        SourceError: see `load`.
    """
    document = read_bytes(content, source, what="a workflow", json=json)
    found = Loaded(parse(document, None), Path(source), document.places)
    problems: list[Problem] = []
    checked = _checked(found, document, _with(names, [(found, document)]), problems)
    if problems:
        raise problems_error(problems)
    return checked


def _with(names: Names | None, found: Iterable[tuple[Loaded, Document]]) -> Names:
    """Return the names, and those of the workflows that are loaded."""
    known = names or Names()
    if known.workflows is None:
        return known
    return replace(known, workflows=known.workflows | {one.spec.id for one, _ in found})


def parse(document: Document, folder: Path | None) -> Workflow:
    """Return the workflow that a document is, with the files that it names looked for in `folder`, if there is one.

    Raises:
        ConfigurationError: a line for each fault in its form.
    """
    inline(document, folder)
    problems = list(document.problems)
    try:
        spec = Workflow.model_validate(document.value)
    except ValidationError as error:
        raise problems_error([*problems, *without_consequences(explain(error, document), problems)]) from None
    if problems:
        raise problems_error(problems)
    return spec


def _files(paths: Path | Sequence[Path], problems: list[Any]) -> Iterator[Path]:
    for path in [paths] if isinstance(paths, Path) else paths:
        if not path.is_dir():
            yield path
        elif inside := sorted(file for file in path.rglob("*") if _is_workflow(file, path)):
            yield from inside
        else:
            problems.append(Problem(str(path), (), "has no workflow in it, a file that ends with .yaml, .yml or .json"))


def _is_workflow(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix in _SUFFIXES and file.is_file() and not hidden


def _load(file: Path, problems: list[Any]) -> tuple[Loaded, Document] | None:
    try:
        document = read(file, what="a workflow")
        return Loaded(parse(document, file.parent), file, document.places), document
    except SourceError as error:
        problems += error.problems
        return None


def _checked(loaded: Loaded, document: Document, names: Names, problems: list[Any]) -> Loaded:
    warnings: list[Problem] = []
    for finding in check(loaded.spec, names):
        key = shown(finding.key, document.value)
        problem = Problem(place_of(key, document.places), key, finding.text)
        (warnings if finding.warning else problems).append(problem)
    warnings += (Problem(place_of(key, document.places), key, doubt) for key, doubt in _doubts(document))
    return replace(loaded, warnings=tuple(warnings))


def _doubts(document: Document) -> Iterator[tuple[Key, str]]:
    """Yield the doubtful values of what is JSON of any kind, where no type tells what is meant."""
    for key, doubt in document.doubts.items():
        if not _ANY_JSON.isdisjoint(key[:-1]):
            yield key, doubt


def _twice(loaded: Iterable[Loaded]) -> Iterator[Problem]:
    first: dict[tuple[str, int], Loaded] = {}
    for one in loaded:
        other = first.setdefault((one.spec.id, one.spec.version), one)
        if other is not one:
            yield Problem(place_of(("id",), one.lines), ("id",), f"{one.spec.id} is in {other.file} too; rename one")
