"""How texts are sent to embedding services, and how vectors come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from app.models.answers.json_data import mapping, objects
from app.models.usage import count

Purpose = Literal["query", "passage"]
Vectors = npt.NDArray[np.float32]


class Embedded(NamedTuple):
    """The vectors of one call, as the service gave them, and the tokens that it counted."""

    rows: Vectors
    tokens: int


class EmbeddingDialect(Protocol):
    """The form of a request and of its answer; `most` is how many texts a request may have."""

    most: int

    def path(self, model: str) -> str:
        """Return where requests go, below the base URL."""
        ...

    def body(self, model: str, texts: Sequence[str], purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
        """Return a request; with `dimensions`, for vectors of so many."""
        ...

    def read(self, answer: object) -> Embedded:
        """Return what an answer says.

        Raises:
            ValueError: it is no such answer.
        """
        ...


class OpenAIEmbeddings:
    """OpenAI's dialect, which most services and servers speak."""

    most = 256

    def path(self, model: str) -> str:  # noqa: ARG002  # the port's signature
        """Return the same for every model."""
        return "/embeddings"

    def body(
        self,
        model: str,
        texts: Sequence[str],
        purpose: Purpose,  # noqa: ARG002  # it knows none
        dimensions: int | None,
    ) -> dict[str, Any]:
        """Return a request."""
        wanted = {} if dimensions is None else {"dimensions": dimensions}
        return {"model": model, "input": list(texts), "encoding_format": "float", **wanted}

    def read(self, answer: object) -> Embedded:
        """Return the vectors by their `index`: the order of `data` is not promised."""
        found = mapping(answer)
        data = objects(found.get("data"))
        rows = [one.get("embedding") for one in sorted(data, key=lambda one: count(one.get("index")) or 0)]
        used = mapping(found.get("usage"))
        return Embedded(_rows(rows), count(used.get("prompt_tokens")) or count(used.get("total_tokens")) or 0)


class VoyageEmbeddings(OpenAIEmbeddings):
    """Voyage's, which tells queries from passages."""

    most = 128

    def body(self, model: str, texts: Sequence[str], purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
        """Return a request."""
        wanted = {} if dimensions is None else {"output_dimension": dimensions}
        kind = "query" if purpose == "query" else "document"
        return {"model": model, "input": list(texts), "input_type": kind, **wanted}


class CohereEmbeddings:
    """Cohere's second version, which tells queries from passages."""

    most = 96

    def path(self, model: str) -> str:  # noqa: ARG002  # the port's signature
        """Return the same for every model."""
        return "/embed"

    def body(self, model: str, texts: Sequence[str], purpose: Purpose, dimensions: int | None) -> dict[str, Any]:
        """Return a request."""
        wanted = {} if dimensions is None else {"output_dimension": dimensions}
        kind = "search_query" if purpose == "query" else "search_document"
        return {"model": model, "texts": list(texts), "input_type": kind, "embedding_types": ["float"], **wanted}

    def read(self, answer: object) -> Embedded:
        """Return the vectors in the order of the texts."""
        found = mapping(answer)
        billed = mapping(mapping(found.get("meta")).get("billed_units"))
        return Embedded(_rows(mapping(found.get("embeddings")).get("float")), count(billed.get("input_tokens")) or 0)


class TitanEmbeddings:
    """Amazon Titan's on Bedrock, one text in each call."""

    most = 1

    def path(self, model: str) -> str:
        """Return the address of the model."""
        return f"/model/{quote(model, safe='')}/invoke"

    def body(
        self,
        model: str,  # noqa: ARG002  # the path names it
        texts: Sequence[str],
        purpose: Purpose,  # noqa: ARG002  # it knows none
        dimensions: int | None,
    ) -> dict[str, Any]:
        """Return a request."""
        wanted = {} if dimensions is None else {"dimensions": dimensions}
        return {"inputText": texts[0], **wanted}

    def read(self, answer: object) -> Embedded:
        """Return the one vector."""
        found = mapping(answer)
        return Embedded(_rows([found.get("embedding")]), count(found.get("inputTextTokenCount")) or 0)


def _rows(found: Any) -> Vectors:
    rows = np.asarray(found, dtype=np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():  # noqa: PLR2004  # a row for each text
        raise ValueError("the vectors are not lists of numbers of one length")
    return rows


DIALECTS: Mapping[str, EmbeddingDialect] = {
    "openai": OpenAIEmbeddings(),
    "voyage": VoyageEmbeddings(),
    "cohere": CohereEmbeddings(),
    "titan": TitanEmbeddings(),
}
