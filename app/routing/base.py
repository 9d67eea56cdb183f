"""The port of routing: a pure policy that chooses which models a step asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue


class PolicyOptions(BaseModel):
    """The base of a policy's options: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What the settings say of a model; prices are US dollars per million tokens, None when unknown."""

    input_price: float | None = None
    output_price: float | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    tags: frozenset[str] = frozenset()
    region: str | None = None
    tools: bool = False


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """How a model has been lately, as all workers saw it.

    `seconds` is a peak-sensitive moving average of the duration of calls (None: none seen), `errors` the moving
    share of calls that failed through the model's fault, `open_until` (epoch seconds) until when its breaker is open.
    """

    seconds: float | None = None
    errors: float = 0.0
    open_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a policy needs before it can choose: the output of a connector."""

    connector: str
    arguments: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class RoutingRequest:
    """What a policy chooses for.

    `models` are those to choose from, not empty; `count` how many are wanted, at least 1. `key` names the run and step
    (equal keys must choose the same); `offset` is the task's in its partition; `text` is the prompt, of about
    `tokens` tokens; `looked_up` is the output of the policy's `lookup`, None if it had none or it failed.
    """

    models: tuple[str, ...]
    count: int
    key: str
    offset: int = 0
    text: str = ""
    tokens: int = 0
    now: float = 0.0
    profiles: Mapping[str, ModelProfile] = field(default_factory=dict)
    health: Mapping[str, HealthSnapshot] = field(default_factory=dict)
    looked_up: JsonValue = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The models to ask now, those to ask when one of them fails, in order of preference, and why in a sentence."""

    models: tuple[str, ...]
    reserves: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model that was asked answered: `text`, or None when it failed; `data` when JSON was asked for."""

    model: str
    text: str | None
    data: JsonValue = None


class Policy(Protocol):
    """Chooses among models. Pure: equal arguments give equal choices, so that a replay chooses the same.

    A component is a class with a name, a class of options, and a constructor that takes such options.
    """

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]]

    def __init__(self, options: Any) -> None: ...

    def lookup(self, request: RoutingRequest) -> Lookup | None:
        """Return what must be looked up before `choose`; None when nothing must."""
        ...

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the choice; `models` is empty only when none qualifies, and `reason` then says why."""
        ...

    def more(self, request: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]) -> Choice | None:
        """Return which further models to ask once all those `asked` have answered; None when no more are needed."""
        ...

    def check(self, models: Sequence[str]) -> str | None:
        """Return what is wrong with the options for a step that has these models; None when they fit."""
        ...


class SinglePassPolicy:
    """The base of policies that look nothing up and choose once."""

    def lookup(self, request: RoutingRequest) -> Lookup | None:  # noqa: ARG002  # the port's signature
        """Return None: everything is known."""
        return None

    def more(self, request: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]) -> Choice | None:  # noqa: ARG002  # likewise
        """Return None: the first choice is enough."""
        return None

    def check(self, models: Sequence[str]) -> str | None:  # noqa: ARG002  # likewise
        """Return None: the options name no models."""
        return None
