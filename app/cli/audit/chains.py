"""Read the audit and its chains from their topics, and verify the one against the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.audit.verification import Anchor, PartitionReport, PartitionVerifier
from app.client import topic_ranges
from app.client.client import Client, OffsetRange
from app.delivery.envelope import charset
from app.errors import ConfigurationError, InvalidEvent
from topics import AUDIT, AUDIT_CHAIN
from topics.audit_chain import AuditLink
from topics.base import Topic


async def verify(client: Client, anchors: Sequence[Anchor] = ()) -> list[PartitionReport]:
    """Return what is found in each partition.

    Raises:
        BrokerError: a topic does not exist, or the broker fails.
        ConfigurationError: links are keyed, and there is no key.
    """
    settings = client.settings
    spans = await client.bounds([AUDIT, AUDIT_CHAIN])
    audit, chain = (_spans_of(client, topic, spans) for topic in (AUDIT, AUDIT_CHAIN))
    verifiers = {partition: PartitionVerifier(partition, settings.audit.secrets_to_verify) for partition in audit}
    async with aclosing(topic_ranges.iterate(client, None, AUDIT_CHAIN)) as records:
        async for record in records:
            if link := _link(record, keyed=bool(settings.audit.secrets_to_verify)):
                verifiers[record.partition].add_link(link, record.timestamp / 1000)
    async with aclosing(topic_ranges.iterate(client, None, AUDIT)) as records:
        async for record in records:
            verifiers[record.partition].add_record(record.offset, record.key, _value(record))
    expired = time.time() - settings.topics.retention_of(AUDIT.name)
    return [
        verifiers[partition].report(
            begin=span.begin, chain_begin=chain[partition].begin, expired=expired, anchors=anchors
        )
        for partition, span in sorted(audit.items())
    ]


async def anchor(client: Client) -> Anchor:
    """Return how far the chains have come.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    heads: dict[int, tuple[int, str]] = {}
    at = datetime.now(UTC)
    async with aclosing(topic_ranges.iterate(client, None, AUDIT_CHAIN)) as records:
        async for record in records:
            link = _link(record, keyed=True)
            if link and link.offset > heads.get(record.partition, (-1, ""))[0]:
                heads[record.partition] = link.offset, link.digest
    return Anchor(at=at, topic=client.full_name(AUDIT), heads=dict(sorted(heads.items())))


def read_anchors(path: Path) -> list[Anchor]:
    """Return the anchors in a file, one a line.

    Raises:
        ConfigurationError: it cannot be read, or holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Anchor.model_validate_json(line) for line in lines if line.strip()]
    except ValidationError:
        text = f"{path}: each line must be an anchor, as meta-ai audit anchor --output writes it"
        raise ConfigurationError(text) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from None


def _spans_of(client: Client, topic: Topic[Any], spans: dict[Any, OffsetRange]) -> dict[int, OffsetRange]:
    name = client.full_name(topic)
    return {place.partition: span for place, span in spans.items() if place.topic == name}


def _link(record: Any, *, keyed: bool) -> AuditLink | None:
    """Return the link in a record; none of what is no link, so that the one in its place is missed."""
    link = AUDIT_CHAIN.event_in(record)
    if link and link.keyed and not keyed:
        raise ConfigurationError("the audit's chain is keyed: set audit.key, with which it is made, to verify it")
    return link


def _value(record: Any) -> bytes | None:
    """Return the value that was linked: the event's JSON in UTF-8; of what is no event, the bytes as they are."""
    value: bytes | None = record.value
    with suppress(InvalidEvent):
        return AUDIT.decode(value, max_bytes=len(value or b""), charset=charset(record.headers or ())).value
    return value
