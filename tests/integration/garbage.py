"""Messages that no agent can use, as bugs and strangers send them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.foreign import batch

HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("binary", bytes(range(256))),
    ("null", None),
    ("", b"no name"),
    ("twice", b"1"),
    ("twice", b"2"),
    ("traceparent", b"00-zz-\xff-01"),
    ("ce_id", None),
    ("ce_id", b"\xff\xfe"),
    ("ce_correlationid", b"\xff\xfe"),
    *((f"header-{number}", b"v") for number in range(1000)),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and the reason for which it ends in the dead letters.

    `odd` is a header's name that is no UTF-8, and the name under which it can be read.
    """

    name: str
    value: bytes | None
    reason: str
    key: bytes | None = b"key"
    headers: tuple[tuple[str, bytes | None], ...] = (("kept", b"as it is"),)
    odd: tuple[bytes, str] | None = None

    def batch(self) -> bytes:
        """Return it as a batch for Kafka."""
        if self.odd is None:
            return batch(self.key, self.value, self.headers)
        stand_in = "o" * len(self.odd[0])
        return batch(self.key, self.value, [*self.headers, (stand_in, b"v")], swap=(stand_in.encode(), self.odd[0]))

    def expected_headers(self) -> list[tuple[str, bytes | None]]:
        """Return the headers that the dead letter must have, without those that say what was wrong."""
        return [*self.headers, *([(self.odd[1], b"v")] if self.odd else [])]


MESSAGES = (
    Message("not JSON", b"{oops", "not_json"),
    Message("cut off", b'{"id": "t1", "input": {"quest', "not_json"),
    Message("not UTF-8", b'{"id": "\xff\xfe"}', "not_utf8"),
    Message("binary key", b"\x00\x01\x02", "not_json", key=b"\xff\x00\xfe"),
    Message("an array", b"[1, 2]", "invalid"),
    Message("a string", b'"task"', "invalid"),
    Message("wrong types", b'{"id": [], "task_id": {}, "input": 7, "text": 1}', "invalid"),
    Message("empty", b"", "not_json"),
    Message("null with a key", None, "null_value"),
    Message("null without a key", None, "null_value", key=None),
    Message("no key", b"{", "not_json", key=None),
    Message("10 MB", b'{"x": "' + b"a" * 10_000_000 + b'"}', "too_large"),
    Message("deep array", b"[" * 100_000 + b"]" * 100_000, "not_json"),
    Message("deep object", b'{"id": "t1", "input": ' + b'{"a":' * 100_000, "not_json"),
    Message("garbage in headers", b"{", "not_json", headers=HEADERS),
    Message("header's name not UTF-8", b"{", "not_json", odd=(b"\xff\xfe\xfdodd", r"\xff\xfe\xfdodd")),
)
