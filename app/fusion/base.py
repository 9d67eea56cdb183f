"""The port of fusion: of several models' answers, one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What one branch answered; `embedding`, of shape (dimensions,), when there is one. Branches are distinct."""

    branch: str
    text: str
    embedding: Vector | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """The answer chosen: `text` as `branch` gave it, how far the others agree (0 to 1), and why in a sentence."""

    text: str
    branch: str
    agreement: float
    reason: str


class Strategy(Protocol):
    """Chooses among candidates. Pure: the same candidates and order always give the same."""

    #: The registered name.
    name: str
    #: Whether it compares meanings, so that candidates should come with embeddings.
    needs_embeddings: bool

    def fuse(self, candidates: Sequence[Candidate], *, order: Sequence[str] = ()) -> Fused:
        """Return the choice among `candidates`, at least one.

        Unless the strategy is about arrival, it does not depend on their order: ties go to the branch that
        is first in `order`; branches that are not in it come last, by name.
        """
        ...

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether `outstanding` more answers, whatever they are and if they come at all, change nothing.

        What cannot change is the answer: it may yet be said in another branch's spelling.
        """
        ...


def ranked(candidates: Iterable[Candidate], order: Sequence[str]) -> list[Candidate]:
    """Return the candidates as ties are broken: by place in `order`, then by name and text."""
    places = {branch: place for place, branch in reversed(list(enumerate(order)))}
    return sorted(candidates, key=lambda c: (places.get(c.branch, len(order)), c.branch, c.text))
