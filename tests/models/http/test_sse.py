from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Unavailable
from app.models.http.sse import events


async def sent(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(*chunks: bytes, longest: int = 1000) -> list[tuple[str, str]]:
    return [event async for event in events(sent(chunks), provider="p", longest=longest)]


async def test_an_event_has_a_name_and_data() -> None:
    assert await read(b"event: ping\ndata: {}\n\ndata: [DONE]\n\n") == [("ping", "{}"), ("message", "[DONE]")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_lines_may_end_in_three_ways(end: bytes) -> None:
    assert await read(end.join((b"event: a", b"data: 1", b"", b"data: 2", b"", b"", b": ends"))) == [
        ("a", "1"),
        ("message", "2"),
    ]


async def test_what_is_not_data_is_skipped() -> None:
    assert await read(b": keep-alive\n\nid: 7\nretry: 10\nunknown\ndata:x\n\nevent: empty\n\n") == [("message", "x")]


async def test_the_name_of_an_event_without_data_is_not_kept() -> None:
    assert await read(b"event: empty\n\ndata: x\n\n") == [("message", "x")]


async def test_lines_of_data_are_joined_and_keep_their_spaces() -> None:
    assert await read(b"data:  a\ndata\ndata: b: c\n\n") == [("message", " a\n\nb: c")]


async def test_what_is_not_finished_is_dropped() -> None:
    assert await read(b"data: 1\n\n", b"data: 2\n") == [("message", "1")]


async def test_broken_text_is_no_reason_to_fail() -> None:
    assert await read(b"data: \xff\n\n") == [("message", "\ufffd")]


STREAM = "event: a\r\ndata: é\r\n\r\n: c\n\ndata: 1\rdata: 2\r\rdata: 💡\n\n".encode()


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
async def test_where_the_chunks_are_cut_does_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[one:other] for one, other in pairwise(places)]

    assert await read(*chunks) == [("a", "é"), ("message", "1\n2"), ("message", "💡")]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 101 + b"\n\n"],
        [b"data: ", *[b"x" * 20] * 6],
        [b": " + b"x" * 101],
        [b"data: xxxxxxxxxx\n"] * 11,
    ],
)
async def test_an_event_without_an_end_does_not_fill_the_memory(chunks: list[bytes]) -> None:
    with pytest.raises(Unavailable, match="longer than 100 bytes") as raised:
        await read(*chunks, longest=100)

    assert raised.value.provider == "p"


async def test_many_events_may_be_longer_than_one_may() -> None:
    assert len(await read(*[b"data: " + b"x" * 50 + b"\n\n"] * 10, longest=100)) == 10


async def test_that_empty_lines_of_data_count_towards_the_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"data:\n"

    with pytest.raises(Unavailable, match="longer than 50 bytes"):
        [event async for event in events(chunks(), longest=50)]
