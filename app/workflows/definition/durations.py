"""Durations of a workflow as people write them: `5m`, where a deployed one has 300.0 seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.durations import format_duration, parse_duration

_OF_A_STEP = ("timeout", "for", "cache")
_OF_A_RETRY = ("backoff", "max_backoff")


def with_units(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """Return a workflow as plain JSON, with units where it has durations; it is deployed as the same content."""
    steps = workflow.get("steps")
    found = _written(workflow, ("deadline",))
    return (
        {**found, "steps": {name: _step(one) for name, one in steps.items()}} if isinstance(steps, Mapping) else found
    )


def _step(step: Any) -> Any:
    """Return a step, and the one inside a `map`."""
    found = _written(step, _OF_A_STEP)
    inner = {"retry": _OF_A_RETRY, "cache": ("for",)}
    for name, fields in inner.items():
        if isinstance(found, dict) and isinstance(found.get(name), Mapping):
            found[name] = _written(found[name], fields)
    if isinstance(found, dict) and found.get("kind") == "map":
        found["step"] = _step(found.get("step"))
    return found


def _written(section: Any, fields: tuple[str, ...]) -> Any:
    if not isinstance(section, Mapping):
        return section
    return {name: _duration(value) if name in fields else value for name, value in section.items()}


def _duration(value: Any) -> Any:
    """Return a number of seconds with its unit, unless it would lose digits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return value
    text = format_duration(value)
    return text if parse_duration(text) == value else value
