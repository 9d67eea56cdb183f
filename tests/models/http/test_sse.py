from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Unavailable
from app.models.http.sse import EventReader, events


async def sent(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(*chunks: bytes, longest: int = 1000) -> list[tuple[str, str]]:
    return [event async for event in events(sent(chunks), EventReader("p", longest))]


async def test_an_event_has_a_name_and_data() -> None:
    assert await read(b"event: ping\ndata: {}\n\ndata: [DONE]\n\n") == [("ping", "{}"), ("message", "[DONE]")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_lines_may_end_in_three_ways(end: bytes) -> None:
    assert await read(end.join((b"event: a", b"data: 1", b"", b"data: 2", b"", b"", b": ends"))) == [
        ("a", "1"),
        ("message", "2"),
    ]


async def test_what_is_not_data_is_skipped() -> None:
    assert await read(b": keep-alive\n\nid: 7\nretry: 10\ndata:x\n\nevent: empty\n\n") == [("message", "x")]


async def test_what_is_neither_field_nor_json_may_say_what_is_wrong() -> None:
    assert await read(b"data: 1\n\n<h1>Bad Gateway</h1>\n") == [("message", "1"), ("message", "<h1>Bad Gateway</h1>")]
    assert await read(b'error: {"code": 500}\n\n') == [("error", '{"code": 500}')]


@pytest.mark.parametrize("field", [b"Data: ", b"DATA:", b" data: ", b"\tdata:  ", b"data :"])
async def test_names_of_fields_may_be_written_in_other_ways(field: bytes) -> None:
    assert [data.strip() for _, data in await read(field + b"{}\n\n")] == ["{}"]


async def test_events_without_an_empty_line_between_them_are_several() -> None:
    stream = b'event: a\ndata: {"a": 1}\ndata: {"a": 2}\ndata: [DONE]\n'

    assert await read(stream) == [("a", '{"a": 1}'), ("message", '{"a": 2}'), ("message", "[DONE]")]


async def test_a_declared_charset_counts_if_it_is_not_utf_8() -> None:
    for charset in ("iso-8859-1", "utf-8", "nonsense", "punycode"):
        reader = EventReader(charset=charset)
        assert [*reader.feed("data: é\n\n".encode())] == [("message", "é")]
    assert [*EventReader(charset="iso-8859-1").feed("data: é\n\n".encode("latin-1"))] == [("message", "é")]


async def test_the_name_of_an_event_without_data_is_not_kept() -> None:
    assert await read(b"event: empty\n\ndata: x\n\n") == [("message", "x")]


async def test_lines_of_data_are_joined_and_keep_their_spaces() -> None:
    assert await read(b"data:  a\ndata\ndata: b: c\n\n") == [("message", " a\n\nb: c")]


async def test_what_is_not_finished_is_dropped() -> None:
    assert await read(b"data: 1\n\n", b"data: 2\n") == [("message", "1")]


@pytest.mark.parametrize(
    "last",
    [b'data: {"a": 1}', b'data: {"a": 1}\n', b"data: [DONE]", b"data: [DONE]\r\n", b'{"a":\n1}', b"\xef\xbb\xbf[1]"],
)
async def test_what_is_complete_at_the_end_needs_no_empty_line(last: bytes) -> None:
    ((_, data),) = await read(last)

    assert data.replace("\n", " ") in {'{"a": 1}', "[DONE]", "[1]"}


async def test_broken_text_is_no_reason_to_fail() -> None:
    assert await read(b"data: \xff\n\n") == [("message", "\udcff")]


@pytest.mark.parametrize("place", [0, 1, 2, 3, 8])
async def test_a_byte_order_mark_is_no_part_of_the_first_field(place: int) -> None:
    stream = b"\xef\xbb\xbfdata: 1\n\n"

    assert await read(stream[:place], stream[place:]) == [("message", "1")]


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b'{"error": {"message": "no"}}', ['{"error": {"message": "no"}}']),
        (b'{\n  "a": 1\n}\n', ['{\n  "a": 1\n}']),
        (b'{"a": 1}\n{"a": 2}\n', ['{"a": 1}', '{"a": 2}']),
        (b'data: {"a": 1}\n\n{"error": "no"}\n\n', ['{"a": 1}', '{"error": "no"}']),
        (b'data: {"a": 1}\n{"error": "no"}', ['{"a": 1}', '{"error": "no"}']),
        (b'{"a":\n1}\ndata: 2\n\n', ['{"a":\n1}', "2"]),
        (b'[{"a": 1},\n{"a": 2}]', ['[{"a": 1},\n{"a": 2}]']),
        (b'{"a": 1\n', ['{"a": 1']),
    ],
)
async def test_json_without_a_frame_is_an_event(stream: bytes, found: list[str]) -> None:
    whole = await read(stream)

    assert [data for _, data in whole] == found
    assert await read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


@pytest.mark.parametrize("stream", [b"data: 1", b"{}", b": ok", b"\n\n[1]", b"\xef\xbb\xbfdata: 1\n\n", b"id: 1\n"])
def test_what_claims_to_be_something_else_may_be_events_or_json(stream: bytes) -> None:
    reader = EventReader(instead="text/html")

    found = [*reader.feed(stream), *reader.close()]

    assert len(found) == (b"1" in stream and b"\n\n" in stream) + (stream == b"{}")


@pytest.mark.parametrize("stream", [b"<html>", b"\n\nNo.\n", b"", b"\n", b"name: 1\n\n"])
def test_what_begins_neither_like_events_nor_like_json_is_what_it_claims_to_be(stream: bytes) -> None:
    reader = EventReader(instead="text/html")

    with pytest.raises(Unavailable, match="not an event stream but text/html"):
        [*reader.feed(stream), *reader.close()]
    assert not any(data.startswith(("{", "[")) for _, data in EventReader().feed(stream))


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
        [event async for event in events(chunks(), EventReader("", 50))]
