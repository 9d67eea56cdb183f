"""What every model component promises that shows its answer while it makes it."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import ModelError, ModelTimeout
from app.models.base import Completion, Delta
from tests.contracts.model_subjects import FORECAST, Subject, ask

PROMPT = ask(temperature=0.0, max_tokens=20)


def split(items: list[Delta | Completion]) -> tuple[list[Delta], Completion]:
    """Return the pieces of a stream and its last item, each of which is what it should be."""
    pieces, last = [item for item in items[:-1] if isinstance(item, Delta)], items[-1]
    assert len(pieces) == len(items) - 1
    assert isinstance(last, Completion)
    return pieces, last


async def test_a_stream_is_its_pieces_and_then_the_whole(subject: Subject) -> None:
    pieces, completion = split(await subject.streamed(PROMPT))

    assert len(pieces) > 1
    assert completion.text == "".join(piece.text for piece in pieces)
    assert completion.reasoning == "".join(piece.reasoning for piece in pieces)
    assert completion.text.strip()


async def test_a_stream_ends_in_what_is_answered_at_once(subject: Subject) -> None:
    whole = await subject.answer(PROMPT)

    _, completion = split(await subject.streamed(PROMPT))

    assert completion.text == whole.text
    assert completion.finish_reason == whole.finish_reason
    assert completion.usage.output_tokens == whole.usage.output_tokens > 0
    assert completion.usage.input_tokens == whole.usage.input_tokens > 0


async def test_calls_of_tools_come_with_the_whole(subject: Subject) -> None:
    if "tools" not in subject.model.features:
        pytest.skip(f"{subject.model.provider} calls no tools")
    (called,) = (await subject.answer(FORECAST)).tool_calls

    _, completion = split(await subject.streamed(FORECAST))

    assert completion.finish_reason == "tool_calls"
    assert [call.name for call in completion.tool_calls] == [called.name]
    assert completion.tool_calls[0].id


async def test_too_long_to_begin_is_a_timeout_and_the_next_stream_works(subject: Subject) -> None:
    await subject.double.slow()

    with pytest.raises(ModelTimeout):
        await subject.streamed(ask(max_tokens=500), timeout=0.1)

    assert len(await subject.streamed()) > 1


async def test_too_long_in_all_is_a_timeout_though_pieces_come(subject: Subject) -> None:
    await subject.double.pace()

    with pytest.raises(ModelTimeout) as raised:
        await subject.streamed(ask("Count: " + "one two three " * 40, max_tokens=500), timeout=0.3)

    assert raised.value.provider == subject.model.provider


async def test_streams_that_are_left_hold_nothing_up(subject: Subject) -> None:
    await subject.double.pace()

    for _ in range(4):  # more than it may have open at once
        assert await subject.begun()

    assert (await subject.answer()).text


async def test_a_stream_that_is_cancelled_holds_nothing_up(subject: Subject) -> None:
    await subject.double.pace()
    for _ in range(3):
        reading = asyncio.create_task(subject.streamed(ask(max_tokens=500)))
        await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    assert len(await subject.streamed()) > 1


async def test_closing_ends_a_stream_in_one_way_or_the_other(subject: Subject) -> None:
    await subject.double.pace()
    pieces = subject.streaming.stream(ask(max_tokens=500), timeout=30)
    await anext(pieces)

    await subject.model.close()

    try:
        async with asyncio.timeout(20):
            rest = [piece async for piece in pieces]
    except ModelError as error:
        assert error.provider == subject.model.provider  # noqa: PT017  # either end is a proper one
    else:
        assert isinstance(rest[-1], Completion)
    await pieces.aclose()


async def test_streams_at_the_same_time_do_not_mix(subject: Subject) -> None:
    prompts = [ask(f"Repeat: {word}", max_tokens=20) for word in ("apple", "stone", "river", "cloud")]
    alone = [(await subject.answer(prompt)).text for prompt in prompts]

    together = await asyncio.gather(*(subject.streamed(prompt) for prompt in prompts))

    assert [split(items)[1].text for items in together] == alone
