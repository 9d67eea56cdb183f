"""Take the answer that most models gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.fusion.base import Candidate, Fused, ranked
from app.fusion.normalise import normalise


class Vote:
    """Plurality over normalised answers: for answers that are short and can be equal, as labels and numbers are.

    Agreement is the winner's share of the candidates.
    """

    name = "vote"
    needs_embeddings = False

    def fuse(self, candidates: Sequence[Candidate], *, order: Sequence[str] = ()) -> Fused:
        """Return the most frequent answer, in the words of the first branch that gave it."""
        ballots = [(normalise(candidate.text), candidate) for candidate in ranked(candidates, order)]
        votes = Counter(answer for answer, _ in ballots)
        # Both keep the order of the ballots: max and next return the first of equals.
        winner = max(votes, key=votes.__getitem__)
        chosen = next(candidate for answer, candidate in ballots if answer == winner)
        tied = sum(count == votes[winner] for count in votes.values()) > 1
        reason = f"{votes[winner]} of {len(ballots)} gave this answer" + (", tied and first in order" if tied else "")
        return Fused(chosen.text, chosen.branch, votes[winner] / len(ballots), reason)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether the lead cannot be caught, even if all outstanding votes went to one rival."""
        if outstanding == 0:
            return True
        votes = Counter(normalise(candidate.text) for candidate in candidates)
        lead, rival = ([count for _, count in votes.most_common(2)] + [0, 0])[:2]
        return lead - rival > outstanding
