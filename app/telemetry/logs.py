"""Logging to standard error: text for people or one JSON object per line for collectors, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from app.redaction import Redact, redactor
from app.settings import TelemetrySettings
from app.telemetry.throttle import Throttle

#: Libraries whose INFO is noise; their warnings, such as a failed heartbeat, stay.
_NOISY_LIBRARIES = (
    "aiohttp.access",
    "aiokafka",
    "bm25s",
    "faust",
    "httpx",
    "httpx2",
    "kafka",
    "mode",
    "openai",
    "anthropic",
    "urllib3",
    "uvicorn",
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "time", "level"}
#: Characters that could move a terminal's cursor or forge a line.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def configure(
    settings: TelemetrySettings, secrets: Iterable[str] = (), *, stream: TextIO | None = None
) -> logging.Handler:
    """Send the log of the whole process to `stream`, by default standard error; a second call replaces the first.

    Every one of `secrets` is redacted in a line, as by `app.redaction.redactor`. Returns the handler.
    """
    handler = _Handler(stream or sys.stderr)
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    handler.setFormatter(formatter(redactor(secrets)))
    handler.addFilter(Throttle(_NOISY_LIBRARIES))
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    _set_library_levels(root.level)
    return handler


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING app.delivery: text`; further lines of a record are indented."""

    def __init__(self, redact: Redact) -> None:
        super().__init__("%(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line or lines."""
        text = f"{_time(record)} {record.levelname} {self._redact(super().format(record))}"
        return text.translate(_CONTROL).replace("\n", "\n    ")


class JsonFormatter(logging.Formatter):
    """One object per line: time, level, logger, message, exception, and the `extra` fields."""

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        fields: dict[str, Any] = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        fields |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        known = _json({"time": _time(record), "level": record.levelname})
        return f"{known[:-1]}, {self._redact(_json(fields))[1:]}"


class _Handler(logging.StreamHandler[TextIO]):
    """A type of our own, so that `configure` replaces only what it installed."""


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _set_library_levels(level: int) -> None:
    for name in _NOISY_LIBRARIES:
        quiet = logging.NOTSET if level <= logging.DEBUG else max(level, logging.WARNING)
        logging.getLogger(name).setLevel(quiet)
