"""Problems in a file, one line each: place, key, problem and fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.errors import ConfigurationError
from app.suggestions import closest_match, did_you_mean
from app.validation_messages import in_our_words

#: The path to a value: names of sections, user-defined names, positions in lists.
Key = tuple[str | int, ...]

#: With it, YAML 1.1 takes over the keys of another mapping.
MERGE_KEY = "<<"
_MAX_LINES = 50
#: More of a name does not help to recognise it.
_SHOWN_CHARACTERS = 60
#: pydantic's errors where something else is in the place of a section.
_SECTIONS = frozenset({"model_type", "model_attributes_type"})
_WORD = re.compile(r"'([^']+)'")


def dotted(key: Key) -> str:
    """Return the key in dotted form, as in `models.local.timeout`."""
    return ".".join(str(part) for part in key)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: `place` is file:line or the environment variable, `key` is empty for the whole file."""

    place: str
    key: Key
    text: str

    def __str__(self) -> str:
        line = ": ".join(part for part in (self.place, dotted(self.key), self.text) if part)
        # A key may contain anything; it must neither break the line nor control the terminal.
        return line if line.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


class SourceError(ConfigurationError):
    """What a person wrote has these problems; its text has a line for each, up to a screenful."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = {str(problem): problem for problem in problems}
        lines = list(unique)
        more = [f"and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
        super().__init__("\n".join([*lines[:_MAX_LINES], *more]))
        self.problems = tuple(unique.values())


def problems_error(problems: Iterable[Problem]) -> SourceError:
    """Return one error with a line for each problem, up to a screenful."""
    return SourceError(problems)


def without_consequences(found: Iterable[Problem], earlier: Iterable[Problem]) -> list[Problem]:
    """Return what is not there just because a value, or keys to be merged, could not be read."""
    broken = {problem.key for problem in earlier}
    merged = {key[:-1] for key in broken if key[-1:] == (MERGE_KEY,)}
    return [
        one for one in found if one.key not in broken and not (one.key[:-1] in merged and "is required" in one.text)
    ]


def place_of(key: Key, places: Mapping[Key, str]) -> str:
    """Return where `key` is set, or else where the nearest section around it is."""
    for length in range(len(key), -1, -1):
        if key[:length] in places:
            return places[key[:length]]
    return ""


def error_text(found: ErrorDetails, unknown: Callable[[], str], keys: Callable[[], Iterable[str]] = tuple) -> str:
    """Return the message of a pydantic error, in our words.

    `unknown` gives the hint for an unknown key, `keys` those of the section at this place. No value is quoted, since it
    may be a secret.
    """
    if found["type"] == "extra_forbidden":
        return f"unknown key; {unknown()}"
    message = in_our_words(found["type"], found["msg"])
    if found["type"] in _SECTIONS and (first := next(iter(keys()), "")):
        return f"{message}, as in {{{first}: …}}"
    return f"{message}; did you mean `{near}`?" if (near := found.get("ctx", {}).get("near")) else message


def pydantic_errors(error: ValidationError) -> list[ErrorDetails]:
    """Return pydantic's errors, without values, with types of our own where the value tells more.

    The type is `empty` where a value is null that must not be. Of a value that must be one of several words, `near` in
    the context is the one that was probably meant.
    """
    found = error.errors(include_url=False)
    for one in found:
        value = one.pop("input", ...)  # type: ignore[misc]  # no value is to get out
        if value is None and one["type"] != "missing":
            one["type"] = "empty"
        elif one["type"] == "string_type" and isinstance(value, list | dict):
            one["type"] = "string_from_other"
        elif one["type"] == "string_too_short" and value == "":
            one["type"] = "blank"
        elif one["type"] == "literal_error" and isinstance(value, str):
            one["ctx"] = {**one["ctx"], "near": closest_match(value, _WORD.findall(one["ctx"]["expected"]))}
    return found


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the sentence that tells an author of a key that there is not."""
    shown = key[:_SHOWN_CHARACTERS]
    shown = shown if shown.isprintable() else ascii(shown)
    return f"{shown}: unknown key; {did_you_mean(key, known, 'known keys:')}"
