"""`learned`: the weak model where a fitted router expects it to be good enough, the strong one elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from app.errors import ConfigurationError, InvalidEvent
from app.routing.base import Choice, Lookup, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import unknown
from app.routing.router import Router
from app.validation_messages import in_our_words
from app.vectors import Vector, decode

_LARGEST = 1024 * 1024


class LearnedOptions(PolicyOptions):
    """Options of `learned`."""

    weak: str = Field(description="the model for what is easy")
    strong: str = Field(description="the model for what is not")
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="from which probability of needing the strong model on it is asked; by default the router says",
    )
    model: Router | None = Field(default=None, description="the router, as `meta-ai routing fit` writes it")
    file: str | None = Field(
        default=None, description="a file with the router, put in for `model` when the workflow is loaded"
    )

    @model_validator(mode="after")
    def _sound(self) -> LearnedOptions:
        if self.weak == self.strong:
            raise ValueError("weak and strong are the same model")
        if (self.model is None) == (self.file is None):
            raise ValueError("give the router either as `model` or as `file`")
        return self


class Learned(SinglePassPolicy):
    """The weak model or the strong one, by a router that was fitted on recorded results (`meta-ai routing fit`).

    Source: I. Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data", ICLR 2025.
    """

    name: ClassVar[str] = "learned"
    Options: ClassVar[type[BaseModel]] = LearnedOptions

    def __init__(self, options: LearnedOptions) -> None:
        if options.model is None:
            raise ConfigurationError(
                f"routing policy learned: file: {options.file} is read only when a workflow is loaded from a file; "
                "give its content as `model`"
            )
        self._weak, self._strong, self._router = options.weak, options.strong, options.model
        self._threshold = self._router.threshold if options.threshold is None else options.threshold
        self._size = len(self._router.embedding)

    @staticmethod
    def inline(options: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """Return the options with the router in place of the file, which must be in `folder` or below.

        Raises:
            ConfigurationError: the file is elsewhere, cannot be read, or is not a router.
        """
        name = options.get("file")
        if not isinstance(name, str):
            return options
        kept = {key: value for key, value in options.items() if key != "file"}
        return {**kept, "model": _read(name, folder).model_dump(mode="json")}

    def check(self, models: Sequence[str]) -> str | None:
        """Return an error when the step does not have one of the two."""
        return unknown("weak", (self._weak,), models) or unknown("strong", (self._strong,), models)

    def lookup(self, request: RoutingRequest) -> Lookup | None:
        """Ask the connector `embed` for the text's embedding, where the router uses it and there is a choice."""
        both = {self._weak, self._strong} <= set(request.models)
        return Lookup("embed", {"text": request.text}) if self._size and both else None

    def choose(self, request: RoutingRequest) -> Choice:
        """Return one of the two, the strong one when in doubt; the other, and then further models, are reserves."""
        wanted, reason = self._decide(request)
        ordered = sorted(request.models, key=lambda model: (model != wanted, model not in {self._weak, self._strong}))
        return Choice(tuple(ordered[:1]), tuple(ordered[1:]), reason)

    def _decide(self, request: RoutingRequest) -> tuple[str, str]:
        present = [model for model in (self._strong, self._weak) if model in request.models]
        if len(present) == 1:
            return present[0], f"{present[0]} is the only one left of the two"
        vector = _vector(request, self._size)
        if self._size and vector is None:
            return self._strong, f"there is no embedding to judge by, so {self._strong}"
        score = self._router.score(request.text, vector)
        wanted, sign = (self._strong, "≥") if score >= self._threshold else (self._weak, "<")
        return wanted, f"{self._strong} needed with probability {score:.2f} {sign} {self._threshold:g}, so {wanted}"


def _vector(request: RoutingRequest, size: int) -> Vector | None:
    """Return the embedding that was looked up; None when that failed, or it is of another embedder's size."""
    if not isinstance(request.looked_up, str):
        return None
    try:
        vector = decode(request.looked_up)
    except InvalidEvent:
        return None
    return vector if vector.shape == (size,) else None


def _read(name: str, folder: Path) -> Router:
    path, where = (folder / name).resolve(), f"routing policy learned: file: {name}"
    if not path.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{where} is outside of the workflow's folder")
    try:
        with path.open("rb") as stream:
            return Router.model_validate_json(stream.read(_LARGEST))
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ConfigurationError(
            f"{where} is not a router as `meta-ai routing fit` writes it: {_first(error)}"
        ) from None


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {in_our_words(one['type'], one['msg'], json=True)}".removeprefix(": ")
