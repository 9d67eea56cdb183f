"""Random numbers seeded by what they are drawn for: the same question gives the same opinion."""

from __future__ import annotations

import hashlib

_BYTES = 8


def seeded_uniform(*names: object) -> float:
    """Return a number from [0, 1) that is always the same for the same names."""
    digest = hashlib.blake2b(repr(names).encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest) / float(1 << (8 * _BYTES))


def seeded_choice(count: int, *names: object) -> int:
    """Return a whole number from [0, count) that is always the same for the same names."""
    return int(seeded_uniform(*names) * count)
