"""Vectors on the wire: base64 of little-endian float32, as `topics.chunks` and `topics.model_responses` carry them."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import numpy.typing as npt

from app.errors import InvalidEvent

Vector = npt.NDArray[np.float32]

_WIRE = np.dtype("<f4")


def encode(vector: npt.NDArray[np.floating]) -> str:
    """Return `vector`, of shape (dimensions,), as base64 text."""
    return base64.b64encode(vector.astype(_WIRE).tobytes()).decode("ascii")


def decode(text: str) -> Vector:
    """Return the vector in `text` as a writable float32 array of shape (dimensions,).

    Raises:
        InvalidEvent: not base64, not a whole number of float32, or with a number that is not finite (which
            would spoil every comparison that it takes part in).
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidEvent("invalid", "an embedding is not base64") from None
    if len(raw) % _WIRE.itemsize:
        raise InvalidEvent("invalid", f"an embedding of {len(raw)} bytes is not a whole number of float32")
    vector = np.frombuffer(raw, dtype=_WIRE).astype(np.float32)
    if not np.isfinite(vector).all():
        raise InvalidEvent("invalid", "an embedding has a number that is not finite")
    return vector
