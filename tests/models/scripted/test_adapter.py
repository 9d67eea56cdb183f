from __future__ import annotations

import asyncio

import pytest

from app import errors
from app.models.base import Completion, Delta, Prompt
from app.models.calling.continuation import continuation_prompt
from app.models.scripted.adapter import Scripted
from app.settings import ModelSettings
from topics.model_requests import Message, Sampling
from topics.model_responses import Usage


def scripted(**options: object) -> Scripted:
    return Scripted.from_settings("m", ModelSettings(provider="scripted", options=options))


def ask(*turns: tuple[str, str], **sampling: object) -> Prompt:
    messages = tuple(Message.model_validate({"role": role, "content": content}) for role, content in turns)
    return Prompt(messages, Sampling.model_validate(sampling))


async def said(model: Scripted, prompt: Prompt) -> Completion:
    return await model.complete(prompt, timeout=5)


async def test_it_echoes_the_last_user_message_and_counts_words() -> None:
    prompt = ask(("system", "be brief"), ("user", "first"), ("assistant", "yes"), ("user", "and then"))

    assert await said(scripted(), prompt) == Completion("and then", "stop", Usage(input_tokens=6, output_tokens=2))


async def test_the_first_piece_that_occurs_decides() -> None:
    model = scripted(answers={"capital": "Paris", "France": "Europe"}, default="no idea")

    assert (await said(model, ask(("user", "the capital of France?")))).text == "Paris"
    assert (await said(model, ask(("user", "where is France?")))).text == "Europe"
    assert (await said(model, ask(("user", "why?")))).text == "no idea"


async def test_a_rule_answers_with_what_its_pattern_finds() -> None:
    rule = {
        "pattern": r"(?P<count>\d+) (?P<what>bolts|nuts)(?P<more> more)?",
        "answer": '{"$what": $count, "more": "$more"}',
    }
    model = scripted(rules=[rule], answers={"12": "twelve"}, default="no idea")

    assert (await said(model, ask(("user", "send 12 nuts")))).text == '{"nuts": 12, "more": ""}'
    assert (await said(model, ask(("user", "send 12 cups")))).text == "twelve"


async def test_the_first_rule_counts_and_sees_all_that_the_user_said() -> None:
    again = {"pattern": r"(?s)order (?P<id>\w+).*cannot be used", "answer": "again $id for $5"}
    model = scripted(rules=[again, {"pattern": "order", "answer": "once"}])

    assert (await said(model, ask(("user", "order a7")))).text == "once"
    repair = ask(("user", "order a7"), ("assistant", "once"), ("user", "That answer cannot be used."))
    assert (await said(model, repair)).text == "again a7 for $5"


def test_a_pattern_that_does_not_compile_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"models\.m\.options\.rules\.0\.pattern"):
        scripted(rules=[{"pattern": "(", "answer": "x"}])


async def test_it_stops_at_max_tokens() -> None:
    answer = await said(scripted(default="one two three"), ask(("user", "count"), max_tokens=2))

    assert answer == Completion("one two", "length", Usage(input_tokens=1, output_tokens=2))


async def test_the_first_calls_fail_in_order() -> None:
    codes = [
        "rate_limited",
        "overloaded",
        "unavailable",
        "timeout",
        "unauthorized",
        "invalid_request",
        "content_filtered",
    ]
    model = scripted(failures=codes, retry_after=3)

    for code in codes:
        with pytest.raises(errors.ModelError) as raised:
            await said(model, ask(("user", "hello")))
        assert (raised.value.code, raised.value.provider, raised.value.retry_after) == (code, "scripted", 3)
    assert (await said(model, ask(("user", "hello")))).text == "hello"


async def outcomes(model: Scripted, calls: int) -> list[bool]:
    fates = []
    for _ in range(calls):
        try:
            await said(model, ask(("user", "hello")))
        except errors.Unavailable:
            fates.append(False)
        else:
            fates.append(True)
    return fates


async def test_a_share_of_calls_fails_the_same_way_each_time() -> None:
    fates = await outcomes(scripted(fail_rate=0.3, seed=5), 200)

    assert fates == await outcomes(scripted(fail_rate=0.3, seed=5), 200)
    assert fates != await outcomes(scripted(fail_rate=0.3, seed=6), 200)
    assert 30 < fates.count(False) < 90


async def test_a_delay_longer_than_the_time_allowed_is_a_timeout() -> None:
    with pytest.raises(errors.ModelTimeout):
        await scripted(delay=30).complete(ask(("user", "hello")), timeout=0.01)


def test_an_unknown_failure_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"models\.m\.options\.failures\.0"):
        scripted(failures=["boom"])


async def streamed(model: Scripted, prompt: Prompt, timeout: float = 5) -> list[Delta | Completion]:
    return [piece async for piece in model.stream(prompt, timeout=timeout)]


async def test_a_stream_is_the_answer_word_by_word_and_then_the_whole() -> None:
    model = scripted(default="one  two\nthree", reasoning="let me see")

    *pieces, last = await streamed(model, ask(("user", "count")))

    assert pieces == [
        Delta(reasoning="let "),
        Delta(reasoning="me "),
        Delta(reasoning="see"),
        Delta("one  "),
        Delta("two\n"),
        Delta("three"),
    ]
    assert last == await said(model, ask(("user", "count")))
    assert isinstance(last, Completion)
    assert (last.text, last.reasoning) == ("one  two\nthree", "let me see")
    assert (last.usage.output_tokens, last.usage.reasoning_tokens) == (6, 3)


async def test_a_stream_is_cut_off_where_the_script_says() -> None:
    pieces = scripted(default="one two three", cut_after=2).stream(ask(("user", "count")), timeout=5)

    assert [await anext(pieces), await anext(pieces)] == [Delta("one "), Delta("two ")]
    with pytest.raises(errors.Unavailable, match="cuts the answer off after 2 pieces"):
        await anext(pieces)


async def test_an_answer_that_was_cut_off_is_continued_where_it_stopped() -> None:
    model = scripted(default="one two three four five", cut_after=2)
    prompt, text = ask(("user", "count")), ""

    for _ in range(3):
        try:
            async for piece in model.stream(continuation_prompt(prompt, text), timeout=5):
                text += piece.text if isinstance(piece, Delta) else ""
        except errors.Unavailable:
            continue

    assert text == "one two three four five"


async def test_an_answer_that_is_not_its_own_is_not_continued() -> None:
    model = scripted(default="one two three")

    assert (await said(model, continuation_prompt(ask(("user", "count")), "eins "))).text == "one two three"


async def test_silence_lasts_until_the_time_is_up() -> None:
    pieces = scripted(default="one two", silent_after=1).stream(ask(("user", "count")), timeout=0.05)

    assert await anext(pieces) == Delta("one ")
    with pytest.raises(errors.ModelTimeout):
        await anext(pieces)


async def test_pieces_that_are_too_slow_are_a_timeout() -> None:
    with pytest.raises(errors.ModelTimeout):
        await streamed(scripted(default="one two", piece_delay=30), ask(("user", "count")), timeout=0.05)


async def test_failures_hit_streams_too() -> None:
    model = scripted(failures=["rate_limited"])

    with pytest.raises(errors.RateLimited):
        await streamed(model, ask(("user", "hello")))
    assert (await streamed(model, ask(("user", "hello"))))[0] == Delta("hello")


async def test_it_ends_before_the_first_stop_string() -> None:
    answer = await said(scripted(default="one two three"), ask(("user", "count"), stop=["three", " two"]))

    assert (answer.text, answer.finish_reason) == ("one", "stop")


async def test_what_it_lacks_is_not_among_its_features() -> None:
    assert {"streaming", "tools"} <= scripted().features
    assert scripted(lacks=["streaming", "tools"]).features == scripted().features - {"streaming", "tools"}
    assert not scripted().features & {"logprobs", "schema"}


async def test_a_batch_is_answered_like_single_calls_after_its_delay() -> None:
    model = scripted(answers={"one": "1", "two": "2"}, batch_delay=0.05)
    requests = {name: model.batched(ask(("user", name))) for name in ("one", "two")}
    batch = await model.submit(requests, timeout=1)
    assert await model.collect(batch, timeout=1) is None
    await asyncio.sleep(0.06)
    collected = await model.collect(batch, timeout=1)
    assert collected
    assert collected.of("one") == await model.complete(ask(("user", "one")), timeout=1)
    assert isinstance(collected.of("three"), errors.BatchFailed)


async def test_a_batch_of_another_process_is_lost() -> None:
    collected = await scripted().collect("scripted-1", timeout=1)
    assert collected
    assert isinstance(collected.of("one"), errors.BatchFailed)


async def test_a_batch_may_be_refused_by_the_script() -> None:
    model = scripted(failures=["rate_limited"])
    with pytest.raises(errors.RateLimited):
        await model.submit({"one": model.batched(ask(("user", "one")))}, timeout=1)
