"""Secrets planted to be found, and what finds them wherever they were written, however they were encoded."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

#: By what each is in the settings or the environment. Those in an address are written there as an address wants them.
CANARIES: Mapping[str, str] = {
    "api_key": "sk-canary-6f1d-key",
    "second of api_keys": "sk-canary-77aa-pool",
    "header": "canary/header+9c2e==",
    "password of the broker": 'canary"broker\\b7d0',
    "header of a connector": "canary-connector-e5f8",
    "header of the environment": "canary-ambient-31c4",
}


def forms(secret: str) -> frozenset[bytes]:
    """Return how a secret may be written: as it is, in JSON, in addresses, and in base64 behind whatever else."""
    plain = {secret, unquote(secret)}
    written = {
        form for text in plain for form in (text, json.dumps(text)[1:-1], quote(text, safe=""), repr(text)[1:-1])
    }
    encoded = {form for text in plain for form in _base64(text.encode())}
    return frozenset(form.encode() for form in written) | encoded


def _base64(secret: bytes) -> set[bytes]:
    """Return what is the same in the base64 of every text with the secret in it, for each place it can have."""
    found = set()
    for ahead in range(3):
        usable = (len(secret) + ahead) // 3 * 4
        skip = -(-ahead * 4 // 3)
        for encode in (b64encode, urlsafe_b64encode):
            found.add(encode(b"\0" * ahead + secret)[skip:usable])
    return found


@dataclass(slots=True)
class Search:
    """What was written, by where; it tells which secrets are in it."""

    places: dict[str, bytes] = field(default_factory=dict)

    def add(self, place: str, text: str | bytes | None) -> None:
        """Add what was written there."""
        self.places[place] = text.encode() if isinstance(text, str) else text or b""

    def found(self, secrets: Mapping[str, str] = CANARIES) -> list[str]:
        """Return a line for each secret and place that it is in."""
        return [
            f"{name} in {place}: …{_around(text, form)}…"
            for name, secret in secrets.items()
            for place, text in self.places.items()
            for form in forms(secret)
            if form in text
        ]


def _around(text: bytes, form: bytes) -> str:
    at = text.index(form)
    return text[max(0, at - 150) : at + len(form) + 40].decode(errors="replace")


async def read_all(servers: str) -> dict[str, bytes]:
    """Return all that is on each topic of a broker, those for itself included: keys, values and headers, as bytes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        topics = await admin.describe_topics()
    finally:
        await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=5) as consumer:
        return {topic["topic"]: await _read(consumer, topic) for topic in topics}


async def _read(consumer: AIOKafkaConsumer, topic: Mapping[str, Any]) -> bytes:
    tps = [TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"]]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    ends, read = await consumer.end_offsets(tps), bytearray()
    while any([await consumer.position(tp) < ends[tp] for tp in tps]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                parts = (record.key, record.value, *(part for header in record.headers for part in header))
                read += b"\n".join(part.encode() if isinstance(part, str) else part or b"" for part in parts) + b"\n"
    return bytes(read)
