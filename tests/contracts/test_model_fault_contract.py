"""What every model component promises whose provider is far away: its faults have names, and none is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from app.errors import InvalidRequest, ModelError, ModelTimeout, Overloaded, RateLimited, Unauthorized, Unavailable
from app.models.base import Completion, Delta
from testkit.provider.dialects import DIALECTS, Dialect
from tests.contracts.model_subjects import HOSTED, KEY, Own, Subject, ask, hosted
from tests.models.upstream import Upstream, event

PARTS = ("Because ", "blue ", "light ", "is scattered most.")
#: A stream that has begun, but has not told its answer yet.
BEGUN = 5


@dataclass(frozen=True)
class Case:
    """A component, its provider, and how that speaks."""

    subject: Subject
    upstream: Upstream
    dialect: Dialect

    @property
    def frames(self) -> list[bytes]:
        return list(self.dialect.frames("m", PARTS))

    async def streamed(self) -> list[Delta | Completion]:
        """Return the pieces of an answer, and last the whole, without what was counted meanwhile."""
        return [piece for piece in await self.subject.streamed() if isinstance(piece, Completion) or not piece.usage]

    async def fails(self, *, timeout: float = 5) -> tuple[list[Delta], ModelError]:
        """Stream an answer that fails, and return what had come of it, and how it ended."""
        pieces: list[Delta] = []
        try:
            async with asyncio.timeout(20):
                async for piece in self.subject.streaming.stream(ask(), timeout=timeout):
                    assert isinstance(piece, Delta), "a fault is no answer"
                    if piece.usage is None:
                        pieces.append(piece)
        except ModelError as error:
            return pieces, error
        raise AssertionError("it ended without an answer and without an error")


@pytest_asyncio.fixture(params=HOSTED)
async def case(request: pytest.FixtureRequest, upstream: Upstream) -> AsyncIterator[Case]:
    api = {"anthropic": "messages", "openai-responses": "responses"}.get(request.param, "chat/completions")
    made = hosted(request.param, upstream.url, Own(), max_response_bytes=16 * 1024)
    yield Case(made, upstream, DIALECTS[api])
    await made.model.close()


def without_counts(pieces: Sequence[Delta | Completion]) -> list[Delta | Completion]:
    """Return the pieces without those that are just what the provider has counted so far."""
    return [piece for piece in pieces if piece != Delta(usage=piece.usage)]


async def answered(case: Case) -> None:
    """Hold it to the answer of a provider that is well again."""
    case.upstream.stream(*case.frames, 0.005)  # the end comes a little later than the last event
    last = (await case.subject.streamed(timeout=5))[-1]
    assert isinstance(last, Completion)
    assert last.text == "".join(PARTS)


async def test_a_healthy_stream_is_an_answer(case: Case) -> None:
    case.upstream.stream(*case.frames)

    *pieces, last = await case.streamed()

    assert without_counts(pieces) == [Delta(part) for part in PARTS]
    assert isinstance(last, Completion)
    assert (last.text, last.finish_reason) == ("".join(PARTS), "stop")
    assert (last.usage.input_tokens, last.usage.output_tokens) == (7, len(PARTS))


async def test_a_healthy_stream_may_come_in_any_slices(case: Case) -> None:
    whole = b"".join(case.frames)
    case.upstream.stream(*(whole[at : at + 7] for at in range(0, len(whole), 7)))

    *pieces, last = await case.streamed()

    assert without_counts(pieces) == [Delta(part) for part in PARTS]
    assert isinstance(last, Completion)


@pytest.mark.parametrize("then", ["cut", "end"])
async def test_a_stream_that_is_cut_off_is_unavailable_wherever_it_does(case: Case, then: str) -> None:
    whole = [frame for frame in case.frames if b"[DONE]" not in frame]
    last = next(at for at, frame in enumerate(whole) if PARTS[-1].encode() in frame)
    for at in range(last + 1):
        case.upstream.forget()
        case.upstream.stream(*whole[:at], then="cut" if then == "cut" else "end")

        pieces, error = await case.fails()

        assert type(error) is Unavailable
        assert error.provider == case.subject.model.provider
        said = [piece.text for piece in without_counts(pieces)]
        assert said == list(PARTS[: len(said)])


async def test_an_error_during_a_stream_is_what_it_says(case: Case) -> None:
    case.upstream.stream(*case.frames[:BEGUN], case.dialect.broken("rate_limit_error", f"Too much for {KEY}."))

    pieces, error = await case.fails()

    assert pieces
    assert type(error) is RateLimited
    assert str(error) == "Too much for [redacted]."


async def test_silence_during_a_stream_ends_in_time(case: Case) -> None:
    case.upstream.stream(*case.frames[:BEGUN], then="silence")

    _, error = await case.fails(timeout=0.3)

    assert type(error) is ModelTimeout


async def test_a_drip_ends_in_time(case: Case) -> None:
    comments = [part for _ in range(60) for part in (b": still there\n\n", 0.05)]
    case.upstream.stream(*case.frames[:BEGUN], *comments, then="silence")

    _, error = await case.fails(timeout=0.3)

    assert type(error) is ModelTimeout


@pytest.mark.parametrize("data", ["{", '{"choices": "none", "type": 3}'])
async def test_an_event_of_another_form_is_unavailable(case: Case, data: str) -> None:
    case.upstream.stream(*case.frames[:BEGUN], event(data), then="silence")

    _, error = await case.fails(timeout=1)

    assert type(error) is Unavailable


async def test_what_is_not_a_stream_is_unavailable(case: Case) -> None:
    case.upstream.stream(b"<html>Please log in.</html>", kind="text/html")

    pieces, error = await case.fails()

    assert pieces == []
    assert type(error) is Unavailable
    assert "text/html" in str(error)


async def test_a_whole_answer_in_place_of_a_stream_is_an_answer(case: Case) -> None:
    case.upstream.json(case.dialect.whole("m", PARTS))

    *pieces, last = await case.streamed()

    assert without_counts(pieces) == [Delta("".join(PARTS))]
    assert isinstance(last, Completion)
    assert (last.text, last.finish_reason, last.repaired) == ("".join(PARTS), "stop", ("framing",))


async def test_a_stream_in_place_of_a_whole_answer_is_an_answer(case: Case) -> None:
    case.upstream.raw(b"".join(case.frames), kind="text/event-stream")

    answer = await case.subject.answer()

    assert (answer.text, answer.finish_reason, answer.repaired) == ("".join(PARTS), "stop", ("framing",))


@pytest.mark.parametrize("then", ["cut", "silence"])
async def test_an_answer_whose_end_has_come_is_not_lost_with_the_rest_of_its_stream(case: Case, then: str) -> None:
    names = (b"response.completed", b"message_stop", b'"finish_reason": "stop"')
    last = next(at for at, frame in enumerate(case.frames) if any(name in frame for name in names))
    case.upstream.stream(*case.frames[: last + 1], then="cut" if then == "cut" else "silence")

    answer = (await case.subject.streamed(timeout=5))[-1]

    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason) == ("".join(PARTS), "stop")


async def test_an_error_in_place_of_a_stream_says_why(case: Case) -> None:
    case.upstream.json(case.dialect.failure("invalid_request_error", "No streams here."))

    pieces, error = await case.fails()

    assert (pieces, type(error), str(error)) == ([], InvalidRequest, "No streams here.")


async def test_a_stream_that_goes_on_without_an_answer_is_abandoned(case: Case) -> None:
    case.upstream.stream(*case.frames[:BEGUN], *[b": more\n" * 1000] * 1000, then="silence")

    _, error = await case.fails(timeout=15)

    assert type(error) is Unavailable
    assert "max_response_bytes" in str(error)


async def test_an_endless_answer_is_abandoned(case: Case) -> None:
    told = next(frame for frame in case.frames if PARTS[-1].encode() in frame)
    case.upstream.stream(*case.frames[:BEGUN], *[told * 100] * 20, then="silence")

    pieces, error = await case.fails(timeout=15)

    assert type(error) is Unavailable
    assert "max_response_bytes" in str(error)
    assert sum(len(piece.text) for piece in pieces) <= 16 * 1024


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "authentication_error", Unauthorized),
        (429, "rate_limit_error", RateLimited),
        (500, "api_error", Unavailable),
        (529, "overloaded_error", Overloaded),
    ],
)
async def test_a_refusal_is_the_same_of_a_whole_answer_and_a_stream(
    case: Case, status: int, kind: str, error: type[ModelError]
) -> None:
    case.upstream.json(case.dialect.failure(kind, f"No, {KEY}."), status=status, headers={"retry-after": "3"})

    _, of_stream = await case.fails()
    with pytest.raises(error) as of_whole:
        await case.subject.answer()

    for raised in (of_stream, of_whole.value):
        assert type(raised) is error
        assert (raised.status, raised.retry_after) == (status, 3)
        assert str(raised) == "No, [redacted]."


async def test_after_a_fault_the_next_stream_works_and_no_connection_is_left(case: Case) -> None:
    for _ in range(3):  # more than it may have open at once
        case.upstream.forget()
        case.upstream.stream(*case.frames[:BEGUN], then="silence")
        assert await case.subject.begun()

    async with asyncio.timeout(5):
        await case.upstream.idle()
    case.upstream.forget()
    await answered(case)


async def test_an_answer_that_is_read_to_its_end_leaves_its_connection_for_the_next(case: Case) -> None:
    for _ in range(6):
        case.upstream.forget()
        await answered(case)

    # Not all of them: on a busy machine, an end may be late.
    assert len(set(case.upstream.peers)) < len(case.upstream.peers)
