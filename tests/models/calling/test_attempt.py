from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from app import errors
from app.models.base import Completion, Delta, Prompt
from app.models.calling.call import call
from app.models.outcome import Outcome
from tests.models.calling.streams import PROMPT, Act, Player, Reader, clock, limiter, settings
from tests.models.virtual_time import run
from topics.model_responses import Usage


def _ask(model: Player, reader: Reader | None = None, *, prefix: str = "", **fields: object) -> Outcome:
    async def scenario() -> Outcome:
        sink = reader.take if reader else None
        return await call(limiter(model), PROMPT, settings=settings(**fields), sink=sink, prefix=prefix, clock=clock())

    return run(scenario())


def test_pieces_are_handed_on_as_they_come_and_timed() -> None:
    reader = Reader()
    outcome = _ask(Player([2.0, "One ", 1.0, "two ", 3.0, "three."]), reader)
    assert outcome.completion
    assert outcome.completion.text == reader.text == "One two three."
    (attempt,) = outcome.attempts
    assert (attempt.first_token, attempt.longest_gap, attempt.seconds) == pytest.approx((2, 3, 6))
    assert reader.pieces[-1].end
    assert reader.pieces[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([9.0, "late"], "no first token within 5 s"),
        (["early ", 4.0, "late"], "no further token within 3 s"),
        (["a ", 2.0, "b ", 2.0, "c ", 2.0, "d ", 2.0, "e "], "no answer within 7 s"),
    ],
)
def test_each_phase_has_its_own_time(script: list[Act], said: str) -> None:
    model = Player(script)
    outcome = _ask(model, Reader(), first_token_timeout=5, token_timeout=3, timeout=7, attempts=1)
    assert isinstance(outcome.error, errors.ModelTimeout)
    assert str(outcome.error) == said
    assert model.ended == 1  # the stream was closed


def test_a_slow_reader_is_not_the_models_silence() -> None:
    reader = Reader(takes=4.0)
    outcome = _ask(Player(["a ", "b ", "c"]), reader, token_timeout=3)
    assert (outcome.error, reader.text) == (None, "a b c")


class Punctual(Player):
    """Keeps to the time that it is told, as a component does that knows nothing of its reader."""

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        end = asyncio.get_running_loop().time() + timeout
        async for piece in super().stream(prompt, timeout=timeout):
            if asyncio.get_running_loop().time() > end:
                raise errors.ModelTimeout("late")
            yield piece


def test_the_time_for_which_the_reader_lets_it_wait_is_not_the_models() -> None:
    reader = Reader(takes=20.0)
    outcome = _ask(Punctual([1.0, "a ", 2.0, "b ", 1.0, "c"]), reader, timeout=5, attempts=1)
    assert (outcome.error, reader.text) == (None, "a b c")
    (attempt,) = outcome.attempts
    assert (attempt.seconds, attempt.held, attempt.longest_gap) == pytest.approx((4, 80, 2))  # three pieces and the end


def test_its_own_time_runs_out_all_the_same() -> None:
    outcome = _ask(Player([1.0, "a ", 2.0, "b ", 3.0, "c"]), Reader(takes=20.0), timeout=5, attempts=1)
    assert str(outcome.error) == "no answer within 5 s"
    (attempt,) = outcome.attempts
    assert not attempt.short
    assert attempt.seconds == pytest.approx(5)


@pytest.mark.parametrize("model", [Player, Punctual])
def test_a_reader_that_takes_all_the_time_of_the_call_is_not_the_models_fault(model: type[Player]) -> None:
    outcome = _ask(model(["a ", 2.0, "b ", 2.0, "c"]), Reader(takes=20.0), total_timeout=30, attempts=1)
    assert isinstance(outcome.error, errors.ModelTimeout)
    assert "its consumer was slow for 28 s" in str(outcome.error)
    (attempt,) = outcome.attempts
    assert attempt.short
    assert (attempt.seconds, attempt.held) == pytest.approx((2, 28 + 20))  # the end is told all the same


def test_an_answer_that_came_whole_is_not_lost_to_a_slow_reader() -> None:
    outcome = _ask(Player(["Yes."], whole=True), Reader(takes=20.0), timeout=5, attempts=1)
    assert outcome.completion
    assert outcome.attempts[0].seconds == pytest.approx(0)


def test_what_was_cut_off_is_continued() -> None:
    reader, model = Reader(), Player(["One ", "two ", errors.Unavailable("cut")], ["three."])
    outcome = _ask(model, reader)
    assert outcome.completion
    assert outcome.completion.text == reader.text == "One two three."
    assert [message.content for message in model.prompts[1].messages][1] == "One two "
    assert [piece.base for piece in reader.pieces if piece.attempt == 2] == [8, 8]
    assert [attempt.said for attempt in outcome.attempts] == ["", "One two "]
    cut = [piece for piece in reader.pieces if piece.attempt == 1][-1]
    assert (cut.end, str(cut.error)) == (True, "cut")


def test_what_stands_already_is_gone_on_with_and_stands_when_it_fails() -> None:
    outcome = _ask(Player(["two ", errors.InvalidRequest("no")]), Reader(), prefix="One ")
    assert (outcome.text, type(outcome.error)) == ("One two ", errors.InvalidRequest)


def test_what_starts_over_is_not_told_what_stood() -> None:
    async def scenario() -> Outcome:
        model = Player(["{", errors.Unavailable("cut")], ["{}"])
        prompt = replace(PROMPT, schema={})
        return await call(limiter(model), prompt, settings=settings(), sink=Reader().take, clock=clock())

    assert [attempt.said for attempt in run(scenario()).attempts] == ["", ""]


def test_of_what_is_repeated_the_attempt_has_the_whole() -> None:
    outcome = _ask(Player(["One two three ", errors.Unavailable("cut")], ["One two three four."]), Reader())
    assert outcome.completion
    assert outcome.completion.text == "One two three four."
    last = outcome.attempts[-1]
    assert last.paid
    assert last.paid.text == "One two three four."


def test_a_model_that_does_not_stream_says_all_at_once() -> None:
    reader = Reader()
    outcome = _ask(Player(["One ", "two."], whole=True), reader)
    assert (outcome.error, reader.text) == (None, "One two.")
    assert [piece.text for piece in reader.pieces] == ["One two.", ""]


def test_a_stream_that_ends_without_an_end_is_cut_off() -> None:
    class Endless(Player):
        async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
            async for piece in super().stream(prompt, timeout=timeout):
                if isinstance(piece, Delta):
                    yield piece

    outcome = _ask(Endless(["One "]), Reader(), attempts=1)
    assert isinstance(outcome.error, errors.Unavailable)
    assert outcome.text == "One "


COUNTS = Usage(input_tokens=50, output_tokens=2)


@pytest.mark.parametrize(
    ("script", "partial"),
    [
        ([], None),
        (["One "], Completion("One ")),
        ([Delta(reasoning="Hm. "), "One "], Completion("One ", reasoning="Hm. ")),
        # The last count holds, unless more was written since.
        (["One ", Delta(usage=COUNTS)], Completion("One ", usage=COUNTS)),
        ([Delta("One ", usage=COUNTS)], Completion("One ", usage=COUNTS)),
        ([Delta(usage=COUNTS), "One "], Completion("One ", usage=COUNTS)),
        ([Delta(usage=COUNTS), "One " * 5], Completion("One " * 5, usage=Usage(input_tokens=50))),
        ([Delta(usage=COUNTS)], Completion("", usage=COUNTS)),
    ],
)
@pytest.mark.parametrize("ends", ["cut", "silent"])
def test_what_came_before_an_answer_broke_off_is_kept_with_its_counts(
    script: list[Act], partial: Completion | None, ends: str
) -> None:
    reader = Reader()
    end: Act = errors.Unavailable("cut") if ends == "cut" else 99.0
    outcome = _ask(Player([*script, end]), reader, attempts=1)
    (attempt,) = outcome.attempts
    assert (attempt.completion, attempt.partial) == (None, partial)
    assert all(piece.text or piece.end for piece in reader.pieces)  # counts are nothing to read


def test_what_an_error_says_that_has_to_be_paid_for_is_kept() -> None:
    refused = errors.ContentFiltered("no")
    refused.answer = Completion("Half", usage=COUNTS)
    for reader in (None, Reader()):
        (attempt,) = _ask(Player(["Ha", refused], whole=reader is None), reader).attempts
        assert (attempt.error, attempt.partial) == (refused, refused.answer)


def test_what_the_sink_raises_comes_out_and_is_not_the_models_fault() -> None:
    with pytest.raises(KeyError, match="mine"):
        _ask(Player(["One "]), Reader(error=KeyError("mine")))


def test_a_time_out_that_had_less_than_its_time_says_so() -> None:
    outcome = _ask(Player([99.0], whole=True), timeout=60, total_timeout=10, attempts=1)
    assert [attempt.short for attempt in outcome.attempts] == [True]
    outcome = _ask(Player([99.0], whole=True), timeout=60, total_timeout=180, attempts=1)
    assert [attempt.short for attempt in outcome.attempts] == [False]


@pytest.mark.parametrize("closing", [60.0, errors.Unavailable("cut")])
def test_an_answer_that_is_whole_is_kept_however_its_stream_closes(closing: float | errors.ModelError) -> None:
    class Closing(Player):
        async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
            try:
                async for piece in super().stream(prompt, timeout=timeout):
                    yield piece
            finally:
                if isinstance(closing, errors.ModelError):
                    raise closing
                await asyncio.sleep(closing)

    model, reader = Closing(["Yes."]), Reader()
    outcome = _ask(model, reader, token_timeout=3)
    assert outcome.completion
    assert (outcome.completion.text, outcome.tries, len(model.prompts)) == ("Yes.", 1, 1)
    assert reader.pieces[-1].finish_reason == "stop"


def test_a_component_in_which_something_is_cancelled_has_failed_and_the_call_has_not_been_abandoned() -> None:
    class Dying(Player):
        async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002
            future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
            future.cancel()  # as a connection does with what waits for it when it is lost
            return await future

    outcome = _ask(Dying([], whole=True))
    assert outcome.error
    assert outcome.error.code == "internal"
