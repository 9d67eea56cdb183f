"""`dead-letters`: what could not be processed, exactly as it was received.

Key, value and headers of a dead letter are those of the original message, byte for byte; what went
wrong and where is in further headers, whose names start with `dl_`. So any Kafka tool can read it, and
a replay is a copy without those headers. If the broker does not take all of it, the headers say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime

from topics.base import Event, Topic

PREFIX = "dl_"


class DeadLetter(Event):
    """The place and the reason, as carried by the `dl_` headers.

    `id` is `topic/partition/offset` of the original; `reason` a stable code, `error` a sentence. Where the broker
    took only the beginning of the value, `cut_from` is the length (bytes) of the whole; one that is `bare` has neither
    key nor headers of the original, which were too large already. The original is then only at its place.
    """

    topic: str
    partition: int
    offset: int
    timestamp: AwareDatetime | None = None
    reason: str
    error: str
    agent: str
    cut_from: int | None = None
    bare: bool | None = None

    @property
    def id(self) -> str:
        """The original's place, which names the dead letter on the command line."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def whole(self) -> bool:
        """Whether all of the original is here."""
        return self.cut_from is None and not self.bare

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the `dl_` headers."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return [(PREFIX + name, str(value).encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Sequence[tuple[str, bytes]]) -> DeadLetter:
        """Return the dead letter that headers describe.

        Raises:
            pydantic.ValidationError: a `dl_` header is missing or malformed.
        """
        fields = {
            name.removeprefix(PREFIX): value.decode(errors="replace")
            for name, value in headers
            if name.startswith(PREFIX) and value is not None
        }
        return cls.model_validate(fields)


def original_headers(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the headers that the original message had."""
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


DEAD_LETTERS = Topic(
    name="dead-letters",
    event=DeadLetter,
    type="meta_ai.dead_letter",
    key="the original key, unchanged",
    summary="Messages that could not be processed: original bytes, with reason and place in dl_ headers.",
)
