"""Reading the values of messages that others sent: what stands around the JSON, and what is probably wrong with it."""

from __future__ import annotations

from pydantic import JsonValue

from app.decoding import FOLLOWS, NotJson, NotText, ParsedJson, parse_json
from app.errors import InvalidEvent

#: What serializers of schema registries put before JSON: its first byte, and its length. They are Confluent's,
#: Apicurio's with long ids, and AWS Glue's without compression.
_FRAMES = ((b"\0", 5), (b"\0", 9), (b"\3", 18))
_UTF_16 = b"\0{"  # without a byte order mark
#: The fields by which an envelope is recognised, and what it is.
_ENVELOPES = {
    frozenset({"schema", "payload"}): "Kafka Connect's envelope: set schemas.enable=false for the JsonConverter",
    frozenset({"specversion", "data"}): "the envelope of CloudEvents: send what its `data` has",
    frozenset({"op", "after"}): "Debezium's envelope: use its transformation ExtractNewRecordState",
}
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}


def parse(value: bytes, charset: str | None = None, *, deep: bool = False) -> ParsedJson:
    """Return the JSON in a message's value, which may stand behind the bytes of a schema registry.

    Raises:
        InvalidEvent: with the reason `not_utf8` or `not_json`, and how to fix it.
    """
    try:
        return parse_json(_unframed(value), charset, deep=deep)
    except NotText as error:
        raise InvalidEvent("not_utf8", _other_format(value) or f"the value is {error}") from None
    except NotJson as error:
        raise InvalidEvent(
            "not_json", _other_format(value) or f"Invalid JSON: {error}{_advice(value, str(error))}"
        ) from None


def key_text(key: bytes | None) -> str | None:
    """Return the text of a message's key, also of one from a registry's JSON serializer; None if it is no text."""
    framed = key is not None and key.startswith(b"\0") and key[5:6] == b'"'
    try:
        found = parse_json(key[5:]).value if key and framed else (key or b"").decode()
    except ValueError:
        return None
    return found if isinstance(found, str) and found and "\0" not in found else None


def hint(value: JsonValue) -> str:
    """Return what a producer probably did where JSON is not a valid event, as the end of a sentence, or nothing."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return "; it is a string that holds JSON: the producer encodes it twice"
    if isinstance(value, list):
        return "; send a message for each event"
    if not isinstance(value, dict):
        return ""
    return next((f"; it is in {what}" for fields, what in _ENVELOPES.items() if fields <= value.keys()), "")


def _unframed(value: bytes) -> bytes:
    """Return the value without a registry's bytes, where what follows them begins as a JSON object."""
    if not value.startswith(_UTF_16):
        for first, size in _FRAMES:
            if value.startswith(first) and value[size : size + 1] == b"{":
                return value[size:]
    return value


def _other_format(value: bytes) -> str:
    if value.startswith(b"\0") and not value.startswith(_UTF_16):
        schema = int.from_bytes(value[1:5], "big")
        found = f"the value begins with the five bytes of a schema registry (0, then the schema's id, {schema})"
        return f"{found}, and what follows is not JSON: use a JSON serializer instead of Avro or Protobuf"
    name = next((name for magic, name in _COMPRESSED.items() if value.startswith(magic)), None)
    return f"the value is compressed with {name}: set the producer's compression.type instead" if name else ""


def _advice(value: bytes, problem: str) -> str:
    if value.lstrip().startswith((b"{'", b"[{'")):
        return "; strings need double quotes"
    begun = value.lstrip()
    if begun.startswith(b"<"):
        return "; it is XML or HTML: send a JSON object"
    if begun.startswith((b"//", b"/*", b"#")):
        return "; JSON has no comments"
    if not begun.startswith((b"{", b"[")):
        return "; send a JSON object as it is, neither quoted nor encoded"
    return "; send a message for each event" if problem.startswith(FOLLOWS) else ""
