"""The port of fusion: one answer out of several models' answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from app.vectors import Vector


class StrategyOptions(BaseModel):
    """The base of a strategy's options: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """The answer of one branch. Branches are distinct; a model that was asked several times has several.

    `embedding`, of shape (dimensions,), and `data`, the answer as JSON, are there when they were asked for.
    """

    branch: str
    text: str
    embedding: Vector | None = None
    model: str = ""
    data: JsonValue = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the strategy itself makes to a model. Its `label` is unique within the fusion."""

    label: str
    model: str
    prompt: str
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """Make these calls, and fuse again when all are answered; those already in `Panel.replies` are not repeated."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """What is fused: at least one candidate, in order of arrival.

    `order` are the branches by preference; `prompt` and `system` what the models were asked; `key` names run
    and step, as a seed for random choices; `schema` is the JSON Schema that answers have, if they are JSON.
    `replies` are the answers to the calls made so far, by label: None where a call failed.
    """

    candidates: Sequence[Candidate]
    order: Sequence[str] = ()
    prompt: str = ""
    system: str | None = None
    key: str = ""
    schema: Mapping[str, JsonValue] | None = None
    replies: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fused:
    """One answer, and how it was found.

    `branch` is the candidate that gave it, empty when the text is new; `data` is the answer as JSON, where
    answers are. `agreement` is how far the candidates agree and `confidence` how sure the strategy is, both
    from 0 to 1. `groups` are the branches by their answers, the largest group first.
    """

    text: str
    branch: str
    agreement: float
    reason: str
    confidence: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    data: JsonValue = None


class Strategy(Protocol):
    """Makes one answer of candidates. Pure: the same panel always gives the same.

    A component is a class with a name, a class of options, and a constructor that takes such options.
    """

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]]
    #: Whether it compares meanings, so that candidates should come with embeddings.
    needs_embeddings: bool
    #: The models that it calls itself, for checks when a workflow is loaded.
    models: tuple[str, ...]

    def __init__(self, options: Any) -> None: ...

    def fuse(self, panel: Panel) -> Fused | Calls:
        """Return the answer, or the calls that it needs first.

        Unless the strategy is about arrival, the answer does not depend on the order of candidates: ties go to
        the branch that is first in `panel.order`; branches that are not in it come last, by name. When its
        calls failed, it uses what it has, and `reason` says so.
        """
        ...

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether `outstanding` more answers, whatever they are and if they come at all, change nothing.

        It is the answer that cannot change: it may still be given in another branch's spelling.
        """
        ...


def ranked(candidates: Iterable[Candidate], order: Sequence[str]) -> list[Candidate]:
    """Return the candidates as ties are broken: by place in `order`, then by name and text."""
    places = {branch: place for place, branch in reversed(list(enumerate(order)))}
    return sorted(candidates, key=lambda c: (places.get(c.branch, len(order)), c.branch, c.text))
