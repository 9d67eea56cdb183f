"""A language model from a GGUF file, on llama.cpp; blocking, for threads."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import errors
from app.errors import MissingDependency
from app.models.base import Completion, Delta
from topics.model_responses import Alternative, TokenLogprob, Usage

INSTALL = 'pip install "meta-ai-orchestrator[local]"'
_PROVIDER = "local"
_FINISH = {"stop": "stop", "length": "length"}
_EMPTY = Delta()


@dataclass
class GgufModel:
    """The model in `path`: loaded on first use, shared by `slots` threads, each with `context` tokens of its own."""

    path: Path
    context: int
    slots: int
    threads: int | None
    cache_prompt: bool = False
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
        chunks: list[dict[str, Any]] = []

        def take(chunk: dict[str, Any]) -> bool:
            chunks.append(chunk)
            if show and (delta := Delta(_text(chunk), _text(chunk, "reasoning_content"))) != _EMPTY:
                show(delta)
            return stop.is_set()

        if not stop.is_set():
            # Streamed, because only a stream can be stopped.
            streamed = {"stream": True, "stream_options": {"include_usage": True}, "cache_prompt": self.cache_prompt}
            _generate(self.load(), request | streamed | _logprob_options(request), take)
        if stop.is_set():
            raise errors.Unavailable("stopped before the answer was complete", provider=_PROVIDER)
        return _completion(chunks, request.get("top_logprobs", 0))

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
    # The library also listens on a loopback port, which nobody needs: a key that nobody has closes it.
    params.api_keys, params.ui, params.endpoint_slots = [secrets.token_hex(32)], False, False
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


def _choices(chunk: Mapping[str, Any]) -> Iterator[Any]:
    yield from chunk.get("choices", ())


def _text(chunk: Mapping[str, Any], field: str = "content") -> str:
    return "".join(choice.get("delta", {}).get(field) or "" for choice in _choices(chunk))


def _completion(chunks: list[dict[str, Any]], alternatives: int) -> Completion:
    problem = next((chunk["error"] for chunk in chunks if "error" in chunk), None)
    if problem:
        raise _error(problem)
    reasons = [choice["finish_reason"] for chunk in chunks for choice in _choices(chunk) if choice["finish_reason"]]
    if not reasons:
        raise errors.Unavailable("llama.cpp returned an incomplete answer", provider=_PROVIDER)
    tokens = [token for chunk in chunks for choice in _choices(chunk) for token in _tokens(choice, alternatives)]
    return Completion(
        "".join(map(_text, chunks)),
        _FINISH.get(reasons[-1], "other"),
        _usage(chunks),
        reasoning="".join(_text(chunk, "reasoning_content") for chunk in chunks),
        logprobs=tuple(tokens) or None,
    )


def _tokens(choice: Mapping[str, Any], alternatives: int) -> Iterator[TokenLogprob]:
    for token in (choice.get("logprobs") or {}).get("content") or ():
        top = [Alternative(token=one["token"], logprob=one["logprob"]) for one in token["top_logprobs"]]
        yield TokenLogprob(token=token["token"], logprob=token["logprob"], top=tuple(top[:alternatives]))


def _usage(chunks: list[dict[str, Any]]) -> Usage:
    counted = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    if counted is None:
        return Usage()
    return Usage(
        input_tokens=counted["prompt_tokens"],
        output_tokens=counted["completion_tokens"],
        cached_input_tokens=counted.get("prompt_tokens_details", {}).get("cached_tokens", 0),
    )


def _error(problem: dict[str, Any]) -> errors.ModelError:
    if problem.get("type") == "exceed_context_size_error":
        return errors.InvalidRequest(
            f"the prompt has {problem.get('n_prompt_tokens')} tokens, the context holds {problem.get('n_ctx')}: "
            "ask for fewer chunks, or raise options.context",
            provider=_PROVIDER,
        )
    kind = errors.InvalidRequest if problem.get("code") == 400 else errors.Unavailable  # noqa: PLR2004  # HTTP's
    return kind(str(problem.get("message", "llama.cpp failed"))[:500], provider=_PROVIDER)
