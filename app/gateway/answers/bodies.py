"""What bodies of requests for an answer share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.gateway.rest.disconnects import OnDisconnect
from topics.model_requests import Message, Sampling, Tool

#: The values with which parameters ask for nothing, by the name of the parameter.
Neutral = Mapping[str, tuple[object, ...]]


class Part(BaseModel):
    """The base of what is in a body: a key that is not known is an error, null is as good as absent."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        return {name: one for name, one in given.items() if one is not None} if isinstance(given, dict) else given


class Extension(Part):
    """What the API of a provider has no field for."""

    input: dict[str, JsonValue] = Field(default_factory=dict)
    tenant: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f]*$")
    priority: int | None = None
    fusion: dict[str, JsonValue] | None = None
    on_disconnect: OnDisconnect | None = None


class AnswerRequest(Part):
    """A conversation, and what is to be made of it: a form of it is a class with the methods that are missing here.

    Whatever cannot be passed on is refused, never left out in silence. `neutral` are parameters that ask for nothing
    when they have one of these values, and `without_effect` those that change nothing of the answer. `given` are the
    parameters that are looked at whoever answers.
    """

    model_config = ConfigDict(extra="allow")

    neutral: ClassVar[Neutral]
    without_effect: ClassVar[frozenset[str]]
    given: ClassVar[frozenset[str]]

    model: str = Field(min_length=1, max_length=200)
    stream: bool = False
    meta_ai: Extension = Extension()

    @abstractmethod
    def turns(self) -> Iterator[Message]:
        """Yield the turns of the conversation as models are given them."""

    @abstractmethod
    def sampling(self) -> Sampling:
        """Return how the answer is to be sampled."""

    @abstractmethod
    def functions(self) -> Iterable[Tool]:
        """Return the tools that may be called."""

    @abstractmethod
    def choice(self) -> str:
        """Return which of the tools is to be called."""

    @abstractmethod
    def answer_schema(self) -> dict[str, JsonValue] | None:
        """Return the JSON Schema of the answer, if it must be JSON."""

    @abstractmethod
    def about(self) -> dict[str, str]:
        """Return the metadata of the task."""

    def unsupported(self) -> Iterator[str]:
        """Yield the parameters that cannot be passed on."""
        for name, value in (self.model_extra or {}).items():
            if name not in self.without_effect and value not in self.neutral.get(name, ()):
                yield name

    def decided(self) -> list[str]:
        """Return the parameters that a workflow, which decides them itself, does not look at."""
        looked_at = self.given | {"model", "stream", "meta_ai"}
        return sorted(self.model_fields_set - looked_at - self.without_effect - self.neutral.keys())

    def conversation(self) -> list[JsonValue]:
        """Return the turns as a task has them."""
        return [plain(turn) for turn in self.turns()]

    def question(self) -> str:
        """Return what the user has said last."""
        return next((turn.content for turn in reversed([*self.turns()]) if turn.role == "user"), "")

    def overrides(self) -> dict[str, JsonValue]:
        """Return what the request decides beside the model, as a step's `overrides` has it."""
        decided: dict[str, JsonValue] = {"stream": self.stream}
        if sampling := plain(self.sampling()):
            decided["sampling"] = sampling
        if tools := [plain(tool) for tool in self.functions()]:
            decided |= {"tools": tools, "tool_choice": self.choice()}
        if (schema := self.answer_schema()) is not None:
            decided["schema"] = schema
        return decided


def as_list(value: object) -> object:
    """Return a list of one text where a text stands in the place of a list."""
    return [value] if isinstance(value, str) else value


def plain(event: BaseModel) -> Any:
    """Return an event as JSON without its defaults."""
    return event.model_dump(mode="json", exclude_defaults=True)
