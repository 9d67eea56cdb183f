from __future__ import annotations

import base64
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.errors import InvalidEvent
from app.vectors import decode, encode

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(arrays.arrays(np.float32, st.integers(0, 50), elements=FINITE))
def test_decoding_is_the_inverse_of_encoding(vector: np.ndarray) -> None:
    decoded = decode(encode(vector))
    assert decoded.dtype == np.float32
    assert decoded.tobytes() == vector.tobytes()


def test_the_wire_is_little_endian_whatever_the_machine() -> None:
    wire = base64.b64encode(struct.pack("<2f", 1.5, -2.0)).decode()
    assert encode(np.array([1.5, -2.0], dtype=">f4")) == wire
    assert decode(wire).tolist() == [1.5, -2.0]


def test_what_is_decoded_can_be_changed() -> None:
    decode(encode(np.ones(2, dtype=np.float32)))[0] = 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not base64!", "not base64"),
        ("ümlaut", "not base64"),
        (base64.b64encode(b"12345").decode(), "5 bytes"),
        (base64.b64encode(struct.pack("<f", float("nan"))).decode(), "not finite"),
        (base64.b64encode(struct.pack("<f", float("-inf"))).decode(), "not finite"),
    ],
)
def test_a_malformed_embedding_is_an_invalid_event(text: str, complaint: str) -> None:
    with pytest.raises(InvalidEvent, match=complaint) as caught:
        decode(text)
    assert caught.value.reason == "invalid"
