"""Inlines the files that a workflow names: workers never see its author's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.errors import ConfigurationError
from app.routing import registry
from app.source.files import text
from app.source.problems import Key, Problem, place_of
from app.source.syntax import Document

_TEMPLATES = ("prompt", "system", "query")
#: What is a stage's own; the other keys are its policy's options.
_OWN = frozenset({"policy", "choose", "fall_back", "key"})


_NO_FILES = "a workflow that is sent has no files beside it: write what is in the file here"


def inline(document: Document, folder: Path | None) -> None:
    """Read the files that `prompt: {file: …}` and options of policies name, which must be in `folder`; note errors.

    Without a folder no file is read, whatever is named.
    """
    for key, step in _steps(document.value):
        for name in _TEMPLATES:
            if isinstance(step.get(name), Mapping):
                _template(document, (*key, name), step, folder)
        for place, stage in _stages(step.get("routing")):
            _policy(document, (*key, "routing", *place), stage, folder)


def _steps(value: Mapping[str, Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    steps = value.get("steps")
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        if isinstance(step, dict):
            yield ("steps", name), step
            if isinstance(step.get("step"), dict):
                yield ("steps", name, "step"), step["step"]


def _stages(routing: Any) -> Iterator[tuple[Key, dict[str, Any]]]:
    if isinstance(routing, dict):
        yield (), routing
    for place, stage in enumerate(routing if isinstance(routing, list) else ()):
        if isinstance(stage, dict):
            yield (place,), stage


def _template(document: Document, key: Key, step: dict[str, Any], folder: Path | None) -> None:
    name = str(key[-1])
    given, step[name] = step[name], "unreadable"
    if set(given) != {"file"} or not isinstance(given["file"], str):
        _note(document, key, "must be a text, or name a file as in {file: prompts/answer.j2}")
        return
    if folder is None:
        _note(document, (*key, "file"), _NO_FILES)
        return
    try:
        step[name] = text(inside(folder, given["file"]), what="a template")
    except ConfigurationError as error:
        _note(document, (*key, "file"), str(error))


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in `folder`.

    Raises:
        ConfigurationError: it leads out of the folder, perhaps by a link.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{name} is not in the folder of the workflow; only files there can be read")
    return path


def _policy(document: Document, key: Key, stage: dict[str, Any], folder: Path | None) -> None:
    options = {name: value for name, value in stage.items() if name not in _OWN}
    if not options or not isinstance(stage.get("policy"), str):
        return
    if folder is None:
        if "file" in options:
            _note(document, (*key, "file"), _NO_FILES)
        return
    try:
        inlined = registry.inline(stage["policy"], options, folder)
        for name in options:
            del stage[name]
        stage.update(inlined)
    except ConfigurationError as error:
        _note(document, key, str(error))


def _note(document: Document, key: Key, message: str) -> None:
    document.problems.append(Problem(place_of(key, document.places), key, message))
