"""A message as a line of JSON, from which its bytes can be had again.

A value that is JSON stands in the line as it is, at its end, and `bytes` is its length: so a reader has it as data, and
`read_line` has its very bytes. Any other value is `value_text` or, if it is not text, `value_base64`; a value or a key
that is absent has no field.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from app.decoding import NotJson, NotText, parse_json
from app.errors import ConfigurationError
from app.exports.record import ExportedRecord, RecordHeaders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)  # of which times are written in half the time
_MAYBE_BEYOND_A_FLOAT = re.compile(rb"[0-9][eE][+-]?[0-9]{3}|[0-9]{300}")
_NO_TIME = "timestamp: must be a time such as 2026-11-24T11:37:22.123Z"


def write_line(record: ExportedRecord) -> bytes:
    """Return a message as one line, with its end."""
    fields: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp is None else _time(record.timestamp),
    }
    _write_bytes(fields, "key", record.key, text="key")
    fields["headers"] = [[name, _header_value(value)] for name, value in record.headers]
    value = record.value
    if value is not None and _is_json(value):
        fields["bytes"] = len(value)
        return b'%b,"value":%b}\n' % (to_json(fields)[:-1], value)
    _write_bytes(fields, "value", value, text="value_text")
    return to_json(fields) + b"\n"


def read_line(line: bytes) -> ExportedRecord:
    """Return the message of a line; one that was edited has its value in compact JSON.

    Raises:
        ConfigurationError: it is not such a line; the message says what is wrong.
    """
    try:
        fields = parse_json(line).value
    except (NotText, NotJson) as error:
        raise ConfigurationError(f"not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ConfigurationError("not a JSON object")
    try:
        return ExportedRecord(
            topic=_kept(fields, "topic", str),
            partition=_kept(fields, "partition", int),
            offset=_kept(fields, "offset", int),
            timestamp=_milliseconds(fields.get("timestamp")),
            key=_bytes(fields, "key", text="key"),
            value=_value(fields, line),
            headers=_headers(fields.get("headers", [])),
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(str(error)) from None


def _is_json(value: bytes) -> bool:
    """Whether a value can stand in a line as it is."""
    if b"\n" in value or b"\r" in value:
        return False
    try:
        from_json(value, allow_inf_nan=False)
        if _MAYBE_BEYOND_A_FLOAT.search(value):
            parse_json(value)  # as the line is read: it refuses numbers that it cannot keep
    except ValueError:
        return False
    return True


def _write_bytes(fields: dict[str, Any], name: str, value: bytes | None, *, text: str) -> None:
    """Add bytes to the fields: as text if they are, in the field `text`, or else in base64."""
    if value is not None:
        try:
            fields[text] = value.decode()
        except UnicodeDecodeError:
            fields[f"{name}_base64"] = b64encode(value).decode()


def _header_value(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _time(milliseconds: int) -> str | int:
    try:
        moment = _NAIVE_EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:  # after the year 9999, as when a producer counts in microseconds
        return milliseconds
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _milliseconds(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise TypeError(_NO_TIME)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise TypeError(_NO_TIME) from None
    return round(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) / timedelta(milliseconds=1))


def _kept(fields: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and value < 0):
        raise TypeError(f"{name}: must be a {'text' if kind is str else 'whole number'}")
    return value


def _bytes(fields: Mapping[str, Any], name: str, *, text: str) -> bytes | None:
    if (written := fields.get(f"{name}_base64")) is not None:
        try:
            return b64decode(written, validate=True)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}_base64: {error}") from None
    value = fields.get(text)
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{text}: must be a text")
    return value.encode()


def _value(fields: Mapping[str, Any], line: bytes) -> bytes | None:
    if "value" not in fields:
        return _bytes(fields, "value", text="value_text")
    length, end = fields.get("bytes"), line.rstrip().removesuffix(b"}")
    if isinstance(length, int) and 0 < length < len(end):
        with suppress(ValueError):
            if from_json(end[-length:], allow_inf_nan=False) == fields["value"]:
                return end[-length:]
    return to_json(fields["value"])


def _headers(written: Any) -> RecordHeaders:
    if not isinstance(written, list):
        raise TypeError("headers: must be a list of pairs, each a name and a text")
    return tuple(_header(one) for one in written)


def _header(pair: Any) -> tuple[str, bytes | None]:
    match pair:
        case [str() as name, str() as text]:
            return name, text.encode()
        case [str() as name, {"base64": str() as written}]:
            return name, b64decode(written, validate=True)
        case [str() as name, None]:
            return name, None
        case _:
            raise TypeError("headers: each must be a pair of a name and a text")
