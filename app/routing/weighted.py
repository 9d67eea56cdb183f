"""`weighted`: models by lot in proportion to their weights, the same lot for the same key (canary, A/B)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

from app.routing.base import Choice

_HASH_BYTES = 8
_HASH_SPAN = float(1 << (8 * _HASH_BYTES))


def _score(key: str, model: str, weight: float) -> float:
    """Weighted rendezvous hashing: -weight / ln(uniform hash of key and model), the largest wins.

    Source: C. Schindelhauer, G. Schomaker, "Weighted Distributed Hash Tables", SPAA 2005 (the logarithmic
    method). A change of one weight moves only the keys that this model gains or loses.
    """
    drawn = int.from_bytes(hashlib.blake2b(f"{key}\0{model}".encode(), digest_size=_HASH_BYTES).digest())
    return -weight / math.log((drawn + 1) / (_HASH_SPAN + 1))


class Weighted:
    """Chooses by sticky lot; a model without a weight has weight 1, one with weight 0 is never chosen."""

    def choose(self, models: Sequence[str], *, count: int, key: str, weights: Mapping[str, float]) -> Choice:
        """Return `count` models, or fewer if fewer have a positive weight; the first one if none has."""
        scored = {model: _score(key, model, weights.get(model, 1.0)) for model in models if weights.get(model, 1.0) > 0}
        best = sorted(scored, key=lambda model: (-scored[model], model))[:count]
        return Choice(tuple(best) or (models[0],), f"by weight, sticky for {key}")
