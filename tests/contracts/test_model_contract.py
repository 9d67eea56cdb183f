"""What every model component promises, whatever is behind it."""

from __future__ import annotations

import asyncio
import re
from typing import cast, get_args

import pytest

from app.errors import InvalidRequest, ModelError, ModelTimeout
from app.models.base import BatchModel, Prompt
from app.models.capabilities import adapt_prompt
from tests.contracts.model_subjects import FORECAST, KEY, WISHES, Own, Subject, ask, within
from topics.model_requests import Feature, Message, ToolCall


async def test_it_answers_with_text_and_a_known_reason_to_finish(subject: Subject) -> None:
    completion = await subject.answer()

    assert completion.text.strip()
    assert completion.finish_reason in {"stop", "length", "tool_calls", "other"}


async def test_it_reports_usage(subject: Subject) -> None:
    usage = (await subject.answer()).usage

    assert usage.input_tokens > 3
    assert usage.output_tokens > 0


async def test_the_same_prompt_gets_the_same_answer(subject: Subject) -> None:
    prompt = ask(temperature=0.0, max_tokens=20)

    assert (await subject.answer(prompt)).text == (await subject.answer(prompt)).text


async def test_too_long_is_a_timeout_and_the_next_call_works(subject: Subject) -> None:
    await subject.double.slow()

    with pytest.raises(ModelTimeout) as raised:
        await subject.model.complete(ask(max_tokens=500), timeout=0.1)

    assert raised.value.provider == subject.model.provider
    assert raised.value.transient
    assert (await subject.answer()).text


async def test_a_cancelled_call_stops_and_the_next_one_works(subject: Subject) -> None:
    await subject.double.slow()
    call = asyncio.create_task(subject.answer(ask(max_tokens=500)))
    await asyncio.sleep(0.05)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await subject.answer()).text


async def test_calls_at_the_same_time_get_their_own_answers(subject: Subject) -> None:
    prompts = [ask(f"Repeat: {word}", max_tokens=20) for word in ("apple", "stone", "river", "cloud")]
    alone = [(await subject.answer(prompt)).text for prompt in prompts]

    together = await asyncio.gather(*(subject.answer(prompt) for prompt in prompts))

    assert [completion.text for completion in together] == alone


@pytest.mark.parametrize("feature", sorted(get_args(Feature)))
async def test_its_features_are_what_it_can_do(subject: Subject, feature: Feature) -> None:
    if feature == "batch":
        await _takes_batches_if_it_says_so(subject)
    elif feature == "streaming":
        assert (feature in subject.model.features) == hasattr(subject.model, "stream")
    elif feature in subject.model.features:
        await _has_an_effect(subject, feature)
    elif feature == "schema":  # which the messages ask for, too: it is left alone
        assert await subject.answer(WISHES[feature].prompt)
    else:
        with pytest.raises(InvalidRequest, match=feature):
            adapt_prompt(WISHES[feature].prompt, subject.model)


async def _takes_batches_if_it_says_so(subject: Subject) -> None:
    """What becomes of a batch at a hosted provider is in `test_model_batch_contract`."""
    if "batch" in subject.model.features:
        assert adapt_prompt(ask(), subject.model, batch=True) == (ask(), ())
        assert cast("BatchModel", subject.model).batched(ask())
        return
    with pytest.raises(InvalidRequest, match="batch"):
        adapt_prompt(ask(), subject.model, batch=True)
    allowed: tuple[Feature, ...] = ("batch",)
    assert adapt_prompt(ask(), subject.model, allowed, batch=True) == (ask(), allowed)


async def _has_an_effect(subject: Subject, feature: Feature) -> None:
    wish = WISHES[feature]
    prompt, left_out = adapt_prompt(wish.prompt, subject.model, get_args(Feature))
    completion = await subject.answer(prompt)

    assert feature not in left_out
    if isinstance(subject.double, Own):
        assert wish.shown(completion)
    elif sent := await subject.double.sent():
        assert [mark for mark in wish.sent if not re.search(mark, within(sent))] == []


async def test_a_tool_is_called_and_its_result_is_answered(subject: Subject) -> None:
    if "tools" not in subject.model.features:
        pytest.skip(f"{subject.model.provider} calls no tools")
    asked = await subject.answer(FORECAST)
    (call,) = asked.tool_calls

    turns = (
        *FORECAST.messages,
        Message(role="assistant", content=asked.text, tool_calls=asked.tool_calls),
        Message(role="tool", content="It rains in Oslo.", tool_call_id=call.id),
    )
    answered = await subject.answer(Prompt(turns, tools=FORECAST.tools))

    assert asked.finish_reason == "tool_calls"
    assert call == ToolCall(id=call.id, name="get_weather", arguments=call.arguments)
    assert answered.text
    assert answered.finish_reason == "stop"
    assert answered.tool_calls == ()


async def test_it_shows_no_secret(subject: Subject) -> None:
    await subject.answer()

    assert KEY not in repr(subject.model)
    for inside in ("_endpoint", "_errors", "_wire"):
        assert KEY not in repr(getattr(subject.model, inside, ""))


async def test_closing_twice_is_fine_and_ends_its_use(subject: Subject) -> None:
    await subject.answer()

    await subject.model.close()
    await subject.model.close()

    if subject.model.provider != "scripted":  # which holds nothing that could be released
        with pytest.raises(ModelError):
            await subject.answer()


async def test_closing_before_the_first_call_is_fine(subject: Subject) -> None:
    await subject.model.close()


async def test_nothing_is_told_that_was_not_asked_for(subject: Subject) -> None:
    completion = await subject.answer()

    assert completion.tool_calls == ()
    assert completion.logprobs is None
