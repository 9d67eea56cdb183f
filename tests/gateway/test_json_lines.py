from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from app.gateway.json_lines import read_lines


async def lines(data: bytes, size: int, max_bytes: int = 10) -> list[bytes | None]:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    found = [line async for line in read_lines(pieces(), max_bytes)]
    starts = [0, *(line.ends for line in found)]
    whole = [data[start:end].strip() for start, end in pairwise(starts)]
    assert all(line.text in {None, text} for line, text in zip(found, whole, strict=True))
    assert starts[-1] == len(data)
    return [line.text for line in found]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\n\n b \n", [b"a", b"", b"b"]),
        (b"0123456789\n0123456789a\nb", [b"0123456789", None, b"b"]),
        (b"0123456789ab", [None]),
    ],
)
async def test_that_lines_are_the_same_however_they_arrive(data: bytes, wanted: list[bytes | None], size: int) -> None:
    assert await lines(data, size) == wanted
