"""Take the first answer that arrives."""

from __future__ import annotations

from collections.abc import Sequence

from app.fusion.base import Candidate, Fused
from app.fusion.normalise import normalise


class First:
    """The fastest model's answer; candidates are given as they arrived. Agreement: the share that says the same."""

    name = "first"
    needs_embeddings = False

    def fuse(self, candidates: Sequence[Candidate], *, order: Sequence[str] = ()) -> Fused:  # noqa: ARG002  # the port's
        """Return the candidate that arrived first."""
        first = candidates[0]
        answer = normalise(first.text)
        same = sum(normalise(candidate.text) == answer for candidate in candidates)
        return Fused(first.text, first.branch, same / len(candidates), f"{first.branch} answered first")

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return True as soon as there is an answer."""
        return bool(candidates) or outstanding == 0
