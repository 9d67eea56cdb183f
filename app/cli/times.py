"""Times as commands print and take them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import typer
from pydantic import TypeAdapter, ValidationError

from app.settings import Delay, Seconds

_DURATION, _DELAY = TypeAdapter[float](Seconds), TypeAdapter[float](Delay)


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        BadParameter: it is not one.
    """
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        raise typer.BadParameter("give a duration such as 30s, 15m, 12h or 7d") from None


def parse_delay(text: str) -> float:
    """Return a duration in seconds, which may be 0.

    Raises:
        BadParameter: it is not one.
    """
    try:
        return _DELAY.validate_python(text)
    except ValidationError:
        raise typer.BadParameter("give a duration such as 30s, 15m, 12h or 7d, or 0") from None


def parse_time(text: str) -> float:
    """Return a time as epoch seconds: a duration before now, or a date or time, which is UTC unless it says otherwise.

    Raises:
        BadParameter: it is neither.
    """
    try:
        return max(0.0, time.time() - _DURATION.validate_python(text))
    except ValidationError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "give a duration before now such as 30s, 15m, 12h or 7d, or a time such as 2026-11-24T11:37:22Z"
        ) from None
