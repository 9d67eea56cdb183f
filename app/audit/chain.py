"""The links of the audit's hash chain: what is hashed, and how the next one follows.

A link depends on nothing but the record and the link before. So a link that is made again, after a crash or by another
worker, is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass

from topics.audit_chain import AuditLink


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last link of a partition's chain: the offset of its record, and its digest."""

    offset: int
    digest: str

    @property
    def wake_at(self) -> float:
        """Never: a chain goes on by records, not by time."""
        return math.inf


def next_link(
    head: ChainHead | None, partition: int, offset: int, *, key: bytes | None, value: bytes | None, secret: bytes
) -> AuditLink:
    """Return the link for a record; with a `secret`, nobody else can make it."""
    record, previous = record_digest(key, value), head.digest if head else ""
    digest = _digest(partition, offset, record, previous, secret)
    return AuditLink(
        partition=partition, offset=offset, record=record, previous=previous, digest=digest, keyed=bool(secret)
    )


def record_digest(key: bytes | None, value: bytes | None) -> str:
    """Return the SHA-256 of a record's key and value, each after its length."""
    digest = hashlib.sha256()
    for part in (key or b"", value or b""):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def is_genuine(link: AuditLink, secret: bytes) -> bool:
    """Whether a link's digest is that of its fields, by this secret if it is keyed."""
    wanted = _digest(link.partition, link.offset, link.record, link.previous, secret if link.keyed else b"")
    return hmac.compare_digest(wanted, link.digest)


def _digest(partition: int, offset: int, record: str, previous: str, secret: bytes) -> str:
    content = f"{partition}/{offset}/{record}/{previous}".encode()
    if secret:
        return hmac.new(secret, content, hashlib.sha256).hexdigest()
    return hashlib.sha256(content).hexdigest()
