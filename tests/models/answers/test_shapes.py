"""The same answer, whole and streamed, is the same; and what is not needed to use it makes no difference."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.answers.assembler import read_answer
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.http.sse import EventReader, events
from app.prices.price import Price
from app.settings import PriceSettings
from tests.models.answers.shapes import SHAPES, Shape, framed

ERRORS = ErrorTranslator("host", None, ())
PRICE = Price.of(PriceSettings(input=3, output=15))
#: The fields without which the text of an answer is not known.
NEEDED = frozenset({"choices", "message", "delta", "content", "text", "output", "response", "content_block"})
shapes = pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
said = [shape for shape in SHAPES if shape.text]
texts = pytest.mark.parametrize("shape", said, ids=[shape.name for shape in said])


def streamed(shape: Shape, *chunks: bytes) -> tuple[Completion, list[Delta]]:
    """Return the answer in a stream that comes in these chunks, and the deltas on the way."""

    async def sent() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def scenario() -> tuple[Completion, list[Delta]]:
        assembler, deltas, reader = shape.make(ERRORS), [], EventReader()
        async for name, data in events(sent(), reader):
            deltas.append(assembler.add(name, data))
            if assembler.done:
                break
        deltas.append(assembler.close(framed=reader.framed))
        return assembler.completion(), [delta for delta in deltas if delta]

    return asyncio.run(scenario())


def facts(answer: Completion) -> tuple[object, ...]:
    cost = PRICE.cost(answer.usage)
    return answer.text, answer.reasoning, answer.tool_calls, answer.finish_reason, answer.usage, cost


@shapes
def test_whole_and_streamed_are_the_same(shape: Shape) -> None:
    expected = Completion(shape.text, shape.finish, shape.usage, shape.reasoning, shape.calls)
    stream, deltas = streamed(shape, shape.stream)

    assert facts(read_answer(shape.body, shape.make(ERRORS))) == facts(expected)
    assert facts(read_answer(shape.stream, shape.make(ERRORS))) == facts(expected)
    assert facts(stream) == facts(expected)
    assert "".join(delta.text for delta in deltas) == shape.text
    assert "".join(delta.reasoning for delta in deltas) == shape.reasoning
    assert "framing" not in stream.repaired


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@shapes
def test_where_a_stream_is_cut_into_chunks_makes_no_difference(shape: Shape, data: st.DataObject) -> None:
    ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
    stream = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + shape.stream.replace(b"\n", data.draw(ends))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[one:other] for one, other in zip([0, *places], [*places, len(stream)], strict=True)]

    assert streamed(shape, *chunks) == streamed(shape, shape.stream)


@texts
def test_no_field_that_is_not_needed_loses_the_text_of_a_whole_answer(shape: Shape) -> None:
    for path in _paths(shape.whole, shape.needs):
        body = _without(shape.whole, path)

        assert read_answer(json.dumps(body).encode(), shape.make(ERRORS)).text == shape.text, path


@texts
def test_no_field_that_is_not_needed_loses_the_text_of_a_stream(shape: Shape) -> None:
    for at, event in enumerate(shape.events):
        for path in _paths(event, shape.needs):
            changed = _without(event, path)
            frame = framed(changed if "type" in changed else event).replace(
                json.dumps(event).encode(), json.dumps(changed).encode()
            )
            stream = b"".join((*map(framed, shape.events[:at]), frame, *map(framed, shape.events[at + 1 :])))

            assert streamed(shape, stream)[0].text == shape.text, (at, path)


@texts
@pytest.mark.parametrize("odd", [None, {}, [], "", 7, "odd"])
def test_no_odd_field_that_is_not_needed_loses_the_text(shape: Shape, odd: object) -> None:
    for path in _paths(shape.whole, shape.needs):
        if path[-1] in {"type", "object", "status", "error", "refusal"} or (
            path[-1] == "tool_calls" and odd in (7, "odd")
        ):
            continue
        body = _without(shape.whole, path, odd)

        assert read_answer(json.dumps(body).encode(), shape.make(ERRORS)).text == shape.text, path


def _paths(value: object, needs: frozenset[str], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each field that is not needed."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(key, str) and key not in NEEDED | needs:
            yield (*path, key)
        yield from _paths(inner, needs, (*path, key))


_GONE = object()


def _without(value: Any, path: tuple[Any, ...], otherwise: object = _GONE) -> Any:
    changed = copy.deepcopy(value)
    place = changed
    for key in path[:-1]:
        place = place[key]
    if otherwise is _GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = otherwise
    return changed


def test_what_is_shown_last_is_a_part_of_the_answer() -> None:
    half = next(shape for shape in SHAPES if shape.name == "chat, half")

    completion, deltas = streamed(half, half.stream)

    assert deltas[-1] == Delta("\ufffd")
    assert completion == replace(completion, text="a \ufffd", repaired=("characters",))
