"""Problems in the settings, in our words: place, key, problem and fix."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.configuration.keys import known_keys, section_keys
from app.settings import Inconsistent
from app.source.problems import Key, Problem, dotted, error_text, place_of, pydantic_errors
from app.suggestions import closest_match

#: All names in the configuration whose form is bound have this one.
_NAMING = "may have only letters, digits, `.`, `_` and `-`"


def explain(error: ValidationError, places: Mapping[Key, str]) -> list[Problem]:
    """Return pydantic's findings in our words; no value is repeated, for it may be a secret."""
    return [_problem(found, places) for found in pydantic_errors(error)]


def _problem(found: ErrorDetails, places: Mapping[Key, str]) -> Problem:
    cause = found.get("ctx", {}).get("error")
    key = (*found["loc"], *(cause.key if isinstance(cause, Inconsistent) else ()))
    if found["type"] == "string_pattern_mismatch":
        return Problem(place_of(key, places), key, _NAMING)
    return Problem(place_of(key, places), key, error_text(found, lambda: _hint(key), lambda: section_keys(key)))


def _hint(key: Key) -> str:
    siblings = section_keys(key[:-1])
    suggestion = closest_match(str(key[-1]), siblings) or _elsewhere(str(key[-1]))
    return f"did you mean `{suggestion}`?" if suggestion else f"the keys here are {', '.join(siblings)}"


def _elsewhere(name: str) -> str:
    """Return the one key of another section that has this very name."""
    found = [dotted(key) for key in known_keys() if key[-1] == name]
    return found[0] if len(found) == 1 else ""
