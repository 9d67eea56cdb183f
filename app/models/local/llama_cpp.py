"""A language model from a GGUF file, on llama.cpp; blocking, for threads."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import errors
from app.errors import MissingDependency
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_answer import ChatAssembler

INSTALL = 'pip install "meta-ai-orchestrator[local]"'
_PROVIDER = "local"
#: What is asked of the library's own server: it has no call for it.
_COUNT_PATH, _COUNT_SECONDS = "/v1/chat/completions/input_tokens", 10.0
_ERRORS = ErrorTranslator(_PROVIDER, None, ())


@dataclass
class GgufModel:
    """The model in `path`: loaded on first use, shared by `slots` threads, each with `context` tokens of its own."""

    path: Path
    context: int
    slots: int
    threads: int | None
    cache_prompt: bool = False
    _key: str = field(default_factory=lambda: secrets.token_hex(32), init=False, repr=False)
    _server: Any = field(default=None, init=False, repr=False)
    _loading: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def load(self) -> Any:
        """Load the file unless it is loaded; the interpreter stands still meanwhile, as the library keeps its lock.

        Raises:
            Unavailable: llama.cpp cannot load it.
            MissingDependency: xllamacpp is not installed.
        """
        with self._loading:
            if self._server is None:
                self._server = _start_server(self)
            return self._server

    def chat(
        self, request: dict[str, Any], stop: threading.Event, show: Callable[[Delta], None] | None = None
    ) -> Completion:
        """Answer a request in the form of OpenAI's chat completions; setting `stop` ends it at the next token.

        The pieces go to `show`, in this thread. A JSON schema that llama.cpp cannot make a grammar of does not
        bind the answer.

        Raises:
            InvalidRequest: it does not fit into the context, or is wrong in another way.
            Unavailable: `stop` was set, or llama.cpp failed.
        """
        assembler = ChatAssembler(_ERRORS)
        problems: list[errors.ModelError] = []

        def take(chunk: dict[str, Any]) -> bool:
            try:
                delta = _take(assembler, chunk)
            except errors.ModelError as problem:  # which must not get into llama.cpp
                problems.append(problem)
                return True
            if show and delta:
                show(delta)
            return stop.is_set()

        if not stop.is_set():
            # Streamed, because only a stream can be stopped.
            streamed = {"stream": True, "stream_options": {"include_usage": True}, "cache_prompt": self.cache_prompt}
            _generate(self.load(), request | streamed | _logprob_options(request), take)
        if problems:
            raise problems[0]
        if stop.is_set():
            raise errors.Unavailable("stopped before the answer was complete", provider=_PROVIDER)
        if (last := assembler.close(framed=True)) and show:
            show(last)
        return _without_extra_alternatives(assembler.completion(), request.get("top_logprobs", 0))

    def count_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        """Return how many tokens these messages are, with what the model's template puts around them.

        Raises:
            Unavailable: llama.cpp cannot load the model, or does not count.
        """
        port = urlsplit(self.load().listening_address).port
        connection = HTTPConnection("127.0.0.1", port, timeout=_COUNT_SECONDS)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            try:
                connection.request("POST", _COUNT_PATH, json.dumps({"messages": [*messages]}), headers)
                return int(json.loads(connection.getresponse().read())["input_tokens"])
            except (OSError, HTTPException, ValueError, KeyError) as problem:
                message = f"llama.cpp does not count tokens: {type(problem).__name__}"
                raise errors.Unavailable(message, provider=_PROVIDER) from None

    def close(self) -> None:
        """Free the memory; no call may be running."""
        with self._loading:
            self._server = None


def _start_server(model: GgufModel) -> Any:
    try:
        import xllamacpp  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise MissingDependency(INSTALL) from None
    params = xllamacpp.CommonParams()
    params.model.path = str(model.path)
    params.n_ctx, params.n_parallel = model.context * model.slots, model.slots
    params.verbosity = -1  # llama.cpp writes to the process's stderr
    params.cache_ram_mib = 0  # it would keep gigabytes of old prompts
    # The library also listens on a loopback port, which only `count_tokens` needs: a key closes it to others.
    params.api_keys, params.ui, params.endpoint_slots = [model._key], False, False  # noqa: SLF001  # it is made here
    params.cpuparams_batch.n_threads, params.cpuparams.n_threads = _threads(model)
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        raise errors.Unavailable(f"llama.cpp cannot load {model.path.name}", provider=_PROVIDER) from None


def _threads(model: GgufModel) -> tuple[int, int]:
    # Threads of llama.cpp spin at a barrier after every layer. Where other processes want the cores too, all
    # cores made generation up to twenty times slower, half of them a quarter slower than an idle machine's
    # best. A prompt is read with few barriers and gains from all; but several slots are written in its manner.
    cores = os.cpu_count() or 1
    half = max(1, cores // 2)
    reading, writing = (cores if model.slots == 1 else half), half
    return (model.threads or reading), (model.threads or writing)


def _generate(server: Any, request: dict[str, Any], take: Callable[[dict[str, Any]], bool]) -> None:
    try:
        server.handle_chat_completions(request, take)
    except (ValueError, RuntimeError) as problem:
        if "response_format" not in request:
            kind = errors.InvalidRequest if isinstance(problem, ValueError) else errors.Unavailable
            raise kind(str(problem)[:500], provider=_PROVIDER) from None
        _generate(server, {key: value for key, value in request.items() if key != "response_format"}, take)


def _logprob_options(request: Mapping[str, Any]) -> dict[str, int]:
    # Asked for no alternatives, it gives no log-probabilities at all.
    return {"top_logprobs": max(1, request.get("top_logprobs", 0))} if request.get("logprobs") else {}


def _take(assembler: ChatAssembler, chunk: dict[str, Any]) -> Delta | None:
    if chunk.get("error"):
        raise _error(chunk["error"])
    return assembler.add_value("message", chunk)


def _without_extra_alternatives(answer: Completion, most: int) -> Completion:
    """Return an answer with at most so many alternatives for each token: more are asked for than are wanted."""
    tokens = [token.model_copy(update={"top": token.top[:most]}) for token in answer.logprobs or ()]
    return replace(answer, logprobs=tuple(tokens) or None)


def _error(problem: dict[str, Any]) -> errors.ModelError:
    if problem.get("type") == "exceed_context_size_error":
        return errors.InvalidRequest(
            f"the prompt has {problem.get('n_prompt_tokens')} tokens, the context holds {problem.get('n_ctx')}: "
            "ask for fewer chunks, or raise options.context",
            provider=_PROVIDER,
        )
    kind = errors.InvalidRequest if problem.get("code") == 400 else errors.Unavailable  # noqa: PLR2004  # HTTP's
    return kind(str(problem.get("message", "llama.cpp failed"))[:500], provider=_PROVIDER)
