"""A fitted router: how likely a question is to need the strong model."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.routing.text_features import NAMES, features
from app.vectors import Vector

Number = Annotated[float, Field(allow_inf_nan=False)]


class Router(BaseModel):
    """A logistic regression on the text's features and, if it was fitted with one, the text's embedding.

    `embedding` has a coefficient for each dimension of the embedder called `embedder`; without, no embedding
    is needed. `threshold` is the one that was found best.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: Number
    features: dict[str, Number] = Field(default_factory=dict)
    embedding: tuple[Number, ...] = ()
    embedder: str = ""
    threshold: float = Field(default=0.5, ge=0, le=1)

    @field_validator("features")
    @classmethod
    def _known(cls, coefficients: dict[str, float]) -> dict[str, float]:
        if strangers := sorted(coefficients.keys() - set(NAMES)):
            raise ValueError(f"there is no feature {', '.join(strangers)}; there are {', '.join(NAMES)}")
        return coefficients

    def score(self, text: str, vector: Vector | None = None) -> float:
        """Return the probability, 0 to 1, that the strong model is needed.

        Raises:
            ValueError: `vector`, of shape (dimensions,), is missing or not of the size of `embedding`.
        """
        seen = features(text)
        total = self.intercept + sum(weight * seen[name] for name, weight in self.features.items())
        if self.embedding:
            if vector is None or vector.shape != (len(self.embedding),):
                raise ValueError(f"the router needs an embedding of {len(self.embedding)} dimensions")
            total += float(np.dot(np.asarray(self.embedding), vector))
        return 1 / (1 + math.exp(-max(min(total, 700.0), -700.0)))
