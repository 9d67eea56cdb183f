"""What is wrong in a configuration, as lines that name place, key, fault and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.configuration.keys import Key, dotted, known_keys, section_keys
from app.errors import ConfigurationError
from app.settings import Inconsistent

_MOST = 50
#: pydantic's words, where ours say the mend better.
_WORDS = {
    "missing": "is required",
    "string_type": "must be a text; put quotes around it",
    "string_unicode": "must be valid Unicode text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list, as in [a, b]",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_type": "must be a duration such as 250ms, 30s, 5m, 12h or 7d",
    "path_type": "must be a path",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: `place` is file:line or the environment variable, `key` is empty for the whole file."""

    place: str
    key: Key
    text: str

    def __str__(self) -> str:
        line = ": ".join(part for part in (self.place, dotted(self.key), self.text) if part)
        # A key may hold anything; it must neither break the line nor steer the terminal.
        return line if line.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def complain(problems: Iterable[Problem]) -> ConfigurationError:
    """Return one error with a line for each problem, up to a screenful."""
    lines = list(dict.fromkeys(map(str, problems)))
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return ConfigurationError("\n".join([*lines[:_MOST], *more]))


def explain(error: ValidationError, places: Mapping[Key, str]) -> list[Problem]:
    """Return pydantic's findings in our words; no value is repeated, for it may be a secret."""
    return [_problem(found, places) for found in error.errors(include_url=False, include_input=False)]


def place_of(key: Key, places: Mapping[Key, str]) -> str:
    """Return where `key` is set, or else the nearest section around it."""
    for length in range(len(key), -1, -1):
        if key[:length] in places:
            return places[key[:length]]
    return ""


def _problem(found: ErrorDetails, places: Mapping[Key, str]) -> Problem:
    cause = found.get("ctx", {}).get("error")
    key = (*found["loc"], *(cause.key if isinstance(cause, Inconsistent) else ()))
    return Problem(place_of(key, places), key, _text(found, key))


def _text(found: ErrorDetails, key: Key) -> str:
    if found["type"] == "extra_forbidden":
        return _unknown(key)
    if found["type"] in _WORDS:
        return _WORDS[found["type"]]
    message = found["msg"].removeprefix("Value error, ")
    return message.replace("Input should", "should", 1).replace("String should", "should", 1)


def _unknown(key: Key) -> str:
    siblings = section_keys(key[:-1])
    suggestion = _closest(str(key[-1]), siblings) or _elsewhere(str(key[-1]))
    mend = f"did you mean `{suggestion}`?" if suggestion else f"the keys here are {', '.join(siblings)}"
    return f"unknown key; {mend}"


def _closest(name: str, names: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(name.lower().replace("-", "_"), names, n=1)), "")


def _elsewhere(name: str) -> str:
    """Return the one key of another section that has this very name."""
    found = [dotted(key) for key in known_keys() if key[-1] == name]
    return found[0] if len(found) == 1 else ""
