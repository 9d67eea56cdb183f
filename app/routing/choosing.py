"""Helpers for policies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from app.routing.base import Choice, RoutingRequest

_BYTES = 8
_SPAN = float(1 << (8 * _BYTES))


def first(request: RoutingRequest, ordered: Sequence[str], reason: str) -> Choice:
    """Return the first `request.count` of the models in `ordered`, with the others as reserves."""
    return Choice(tuple(ordered[: request.count]), tuple(ordered[request.count :]), reason)


def rendezvous_score(key: str, model: str) -> float:
    """Return a pseudo-random number above 0 and below 1, the same for the same key and model."""
    drawn = hashlib.blake2b(f"{key}\0{model}".encode(errors="surrogatepass"), digest_size=_BYTES).digest()
    return (int.from_bytes(drawn) + 0.5) / (_SPAN + 1024)  # a float near 2**64 is rounded by up to 1024


def unknown(option: str, named: Iterable[str], models: Sequence[str]) -> str | None:
    """Return an error when an option names models that the step does not have, else None."""
    strangers = sorted(set(named) - set(models))
    if not strangers:
        return None
    return f"{option} names {', '.join(strangers)}, but the step's models are {', '.join(models)}"
