"""Which events may have killed the owners of a partition, found by what was under way when they died.

Normally nothing is written for an event. Each owner leaves one record, the *owner's record*, which it takes off when it
ends in order. A new owner that finds one asks whether the commits of a topic stand where they stood when the dead owner
began: then all that comes from there on is suspected, until that is passed, and is begun with care, in groups that are
written down first. If the owner dies again, only the group is suspected, and each of its events is begun alone. So an
event is known as the killer when it was under way, the last time alone, at so many deaths; what was near it is cleared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

#: The key of the owner's record; no record of a run has it: a task id has no control characters, and no step a slash.
KEY = "owner\t/"
#: A topic is suspected until so many of its events are passed: about as many as are in flight.
_MOST = 2048


@dataclass(frozen=True, slots=True)
class Suspect:
    """An event that was under way at so many deaths, at the last one `alone` if it is so.

    `key` names it, within its partition: an event of ours that is sent again, and so lies at two places, is one.
    """

    key: str
    topic: str
    offset: int
    deaths: int = 1
    alone: bool = False

    @property
    def begins_alone(self) -> bool:
        """Whether no other suspect may be under way beside it."""
        return self.deaths > 1

    def is_poison(self, after: int) -> bool:
        """Whether it is the killer, for somebody who believes that `after` so many deaths."""
        return self.alone and self.deaths >= after


@dataclass(slots=True)
class Suspicion:
    """What is suspected in one partition: events by their keys, and topics, from one offset until another is passed."""

    known: dict[str, Suspect] = field(default_factory=dict)
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)
    under_way: dict[str, Suspect] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)

    def of(self, key: str, topic: str, offset: int) -> Suspect | None:
        """Return how an event is suspected, if it is."""
        if suspect := self.known.get(key):
            return replace(suspect, offset=offset)
        window = self.windows.get(topic)
        if window is None or offset < window[0] or key in self.cleared:
            return None
        return Suspect(key, topic, offset)

    def begin(self, suspect: Suspect) -> None:
        """Note that an event is about to be processed."""
        self.under_way[suspect.key] = suspect

    def clear(self, suspect: Suspect) -> None:
        """Note that an event was processed to its end, and nobody died."""
        self.under_way.pop(suspect.key, None)
        self.known.pop(suspect.key, None)
        self.cleared.add(suspect.key)

    def let_go(self, committable: Mapping[str, int | None]) -> bool:
        """Let go of the topics that are passed, by their offsets to commit; return whether nothing is left."""
        passed = [topic for topic, (_, end) in self.windows.items() if (committable.get(topic) or 0) >= end]
        for topic in passed:
            del self.windows[topic]
        return not (self.windows or self.known or self.under_way)


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """What an owner leaves: who it is, where the commits stood when it began (by topic), and what it suspects.

    It is `released` while a rebalance is under way: whoever has the partition next, nobody died.
    """

    owner: str
    committed: Mapping[str, int]
    suspicion: Suspicion
    released: bool = False

    def to_json(self) -> bytes:
        """Return it as JSON."""
        suspicion = self.suspicion
        value = {
            "owner": self.owner,
            "committed": dict(self.committed),
            "windows": suspicion.windows,
            "suspects": [_listed(one) for one in suspicion.known.values()],
            "under_way": [_listed(one) for one in suspicion.under_way.values()],
            "released": self.released,
        }
        return json.dumps(value).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self | None:
        """Return what was written by `to_json`; None for anything else."""
        try:
            found: dict[str, Any] = json.loads(value)
            windows = {str(topic): (int(begin), int(end)) for topic, (begin, end) in found["windows"].items()}
            suspicion = Suspicion(_by_key(found["suspects"]), windows, _by_key(found["under_way"]))
            committed = {str(topic): int(offset) for topic, offset in found["committed"].items()}
            return cls(str(found["owner"]), committed, suspicion, bool(found["released"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def after_death(self, committed: Mapping[str, int], ends: Mapping[str, int]) -> Suspicion:
        """Return what is suspected now that the owner has died: commits stand at `committed`, the topics end there."""
        before = self.suspicion
        dead = [replace(one, deaths=one.deaths + 1, alone=one.begins_alone) for one in before.under_way.values()]
        # Whatever else killed it, what was suspected before and was not under way is not the killer.
        known = dead or before.known.values()
        windows = {} if dead else before.windows
        suspicion = Suspicion(
            {one.key: one for one in known if one.offset >= committed.get(one.topic, 0)},
            {topic: window for topic, window in windows.items() if window[1] > committed.get(topic, 0)},
        )
        if suspicion.known or suspicion.windows:
            return suspicion
        stuck = [
            topic for topic, at in committed.items() if at == self.committed.get(topic) and ends.get(topic, 0) > at
        ]
        return Suspicion(windows={one: (committed[one], min(ends[one], committed[one] + _MOST)) for one in stuck})

    def resumed(self) -> Suspicion:
        """Return what is suspected when the owner did not die, but only has the partition again."""
        return Suspicion({**self.suspicion.known, **self.suspicion.under_way}, self.suspicion.windows)


def _listed(suspect: Suspect) -> list[str | int | bool]:
    return [suspect.key, suspect.topic, suspect.offset, suspect.deaths, suspect.alone]


def _by_key(listed: Iterable[Iterable[Any]]) -> dict[str, Suspect]:
    suspects = [
        Suspect(str(key), str(topic), int(offset), int(deaths), bool(alone))
        for key, topic, offset, deaths, alone in listed
    ]
    return {one.key: one for one in suspects}
