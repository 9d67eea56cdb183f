"""Verify one partition of the audit against its hash chain: pure, from the links and the records as they lie there.

What it proves: since a record was linked, neither it nor a record before it was changed, removed, added or moved. What
it cannot prove alone: whoever may write to Kafka can make both topics anew. Against that there are anchors, which are
kept elsewhere, and links that are keyed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.audit.chain import ChainHead, is_genuine, record_digest
from topics.audit_chain import AuditLink

Problem = Literal["edited", "missing", "unchained", "forged", "broken", "restarted", "unkeyed", "anchor"]


class Anchor(BaseModel):
    """How far the chain of each partition had come at a time: kept elsewhere, it shows that the chain is still that."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    topic: str
    heads: dict[int, tuple[int, str]]

    def head(self, partition: int) -> ChainHead | None:
        """Return the head of a partition's chain at that time."""
        found = self.heads.get(partition)
        return ChainHead(*found) if found else None


class Finding(BaseModel):
    """What is wrong with the record at `offset`, or with its link."""

    model_config = ConfigDict(frozen=True)

    partition: int
    offset: int
    problem: Problem
    text: str


class PartitionReport(BaseModel):
    """What was found in a partition: how many records were verified, and how many wait for their links.

    `older` records are older than what is kept of the chain. `last` and `digest` are the head of the chain; `unkeyed`
    links could have been made without the key.
    """

    model_config = ConfigDict(frozen=True)

    partition: int
    verified: int = 0
    pending: int = 0
    older: int = 0
    unkeyed: int = 0
    last: int | None = None
    digest: str = ""
    findings: tuple[Finding, ...] = ()


class _Link(NamedTuple):
    record: str
    previous: str
    digest: str
    keyed: bool
    at: float


class PartitionVerifier:
    """Takes all links of a partition first, then all records, and reports.

    Read in this order, every link has a record, and records without a link are newer than the last one. `secrets` are
    the keys that links may have been made with, the one in force first.
    """

    def __init__(self, partition: int, secrets: Sequence[bytes] = ()) -> None:
        self.partition = partition
        self._secrets = secrets
        self._links: dict[int, _Link] = {}
        self._by_record: dict[str, int] = {}
        self._first, self._last = math.inf, -1.0
        self._seen: set[int] = set()
        self._verified = self._pending = self._older = 0
        self._findings: list[Finding] = []

    def add_link(self, link: AuditLink, at: float) -> None:
        """Add a link, written at `at` (epoch seconds); one that is written again is the same."""
        before = self._links.get(link.offset)
        if link.partition != self.partition or not any(is_genuine(link, one) for one in (*self._secrets, b"")):
            self._add(link.offset, "forged", "its link was changed, or made with another audit.key")
        elif before and before.record != link.record:
            self._add(link.offset, "forged", "it has two different links")
        elif before is None:
            self._links[link.offset] = _Link(link.record, link.previous, link.digest, link.keyed, at)
            self._by_record[link.record] = link.offset
            self._first, self._last = min(self._first, link.offset), max(self._last, link.offset)

    def add_record(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Compare a record with its link."""
        self._seen.add(offset)
        if link := self._links.get(offset):
            self._compare(offset, link, record_digest(key, value))
        elif offset > self._last:
            self._pending += 1
        elif offset < self._first and self._links[int(self._first)].previous:
            self._older += 1
        else:
            self._add(offset, "unchained", "it has no link: it is no audit event, or its link was removed")

    def _compare(self, offset: int, link: _Link, found: str) -> None:
        if found == link.record:
            self._verified += 1
            return
        other = self._by_record.get(found)
        moved = f": this is the record that was at offset {other}" if other is not None else ""
        self._add(offset, "edited", f"it is not the record that was linked{moved}")

    def report(
        self, *, begin: int, chain_begin: int, expired: float, anchors: Collection[Anchor] = ()
    ) -> PartitionReport:
        """Return what was found.

        The audit begins at the offset `begin`, and its chain, on its own topic, at `chain_begin`. What was written
        before `expired` (epoch seconds) may be gone.
        """
        self._findings += self._check_chain(chain_begin)
        self._findings += self._check_missing(begin, expired)
        self._findings += self._check_anchors(anchors)
        last = int(self._last) if self._links else None
        return PartitionReport(
            partition=self.partition,
            verified=self._verified,
            pending=self._pending,
            older=self._older,
            unkeyed=sum(not link.keyed for link in self._links.values()),
            last=last,
            digest=self._links[last].digest if last is not None else "",
            findings=tuple(sorted(self._findings, key=lambda one: one.offset)),
        )

    def _check_chain(self, chain_begin: int) -> Iterator[Finding]:
        before: tuple[int, _Link] | None = None
        for offset, link in sorted(self._links.items()):
            if before is None:
                if link.previous and not chain_begin:
                    yield self._finding(offset, "broken", "the links before it were removed")
            elif not link.previous:
                text = f"the chain starts anew after offset {before[0]}: the state of the workers was lost or removed"
                yield self._finding(offset, "restarted", text)
            elif link.previous != before[1].digest:
                text = f"its link does not follow that of offset {before[0]}: links were removed or made anew"
                yield self._finding(offset, "broken", text)
            if before and before[1].keyed and not link.keyed:
                yield self._finding(offset, "unkeyed", "its link was made without audit.key, that before it with it")
            before = offset, link

    def _check_missing(self, begin: int, expired: float) -> Iterator[Finding]:
        for offset in self._links.keys() - self._seen:
            if offset >= begin:
                yield self._finding(offset, "missing", "it was linked, and is not on the topic")
            elif self._links[offset].at >= expired:
                yield self._finding(offset, "missing", "it was removed before the end of its retention")

    def _check_anchors(self, anchors: Collection[Anchor]) -> Iterator[Finding]:
        for anchor in anchors:
            head = anchor.head(self.partition)
            if head is None or (self._links and head.offset < self._first):
                continue  # what lies before the chain as it is kept cannot be compared
            link = self._links.get(head.offset)
            if link is None or link.digest != head.digest:
                problem = "is not in the chain any more" if link is None else "was followed by another chain"
                text = f"the link that was the last on {anchor.at.isoformat(timespec='seconds')} {problem}"
                yield self._finding(head.offset, "anchor", text)

    def _add(self, offset: int, problem: Problem, text: str) -> None:
        self._findings.append(self._finding(offset, problem, text))

    def _finding(self, offset: int, problem: Problem, text: str) -> Finding:
        return Finding(partition=self.partition, offset=offset, problem=problem, text=text)
