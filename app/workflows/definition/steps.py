"""The kinds of steps of a workflow, as models of their YAML.

Three small languages are used in it. A *template* is Jinja2 text: `Answer {{ input.question }}`. A *condition* or
an *expression* is CEL: `steps.triage.output == 'refund'`. A *value* is any JSON in which a string `${{ … }}`
stands for what the CEL expression in it yields. All of them can name `input`, `metadata`, `task`, the `steps` that
are over, and, inside a `map`, `item` and `index`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from app.settings import Seconds
from app.suggestions import did_you_mean
from app.workflows.definition.search_filters import check_filter
from topics.model_requests import Feature, Sampling, Tool

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Expression = Annotated[str, Field(min_length=1, max_length=10_000)]

#: The default timeout of a step with `batch` (seconds).
_BATCH_TIMEOUT = 86400.0


class Spec(BaseModel):
    """The base of all models here: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def default_of(self, name: str) -> Any:
        """Return the default of a field, which may depend on other fields."""
        return type(self).model_fields[name].get_default(call_default_factory=True)

    def _filled(self, name: str) -> Self:
        """Return it with the default of this field, unless the field is set."""
        if name not in self.model_fields_set:
            self.__dict__[name] = self.default_of(name)  # frozen, but still being validated
        return self


class Retry(Spec):
    """Another attempt at a step that failed: after `backoff`, doubled each time, with jitter, up to `max_backoff`.

    `attempts` counts the first one too. `on` names the error codes to retry; when it is empty, all retryable ones.
    """

    attempts: int = Field(default=3, ge=1, le=100)
    backoff: Seconds = 1.0
    max_backoff: Seconds = 60.0
    on: tuple[str, ...] = ()


class Fallback(Spec):
    """What stands in for a step that failed: the output of another `step`, run only then, or a `value`."""

    step: Name | None = None
    value: JsonValue = None

    @model_validator(mode="after")
    def _one(self) -> Fallback:
        if (self.step is not None) == ("value" in self.model_fields_set):
            raise ValueError("give either a step or a value")
        return self


class Reuse(Spec):
    """Which answers the response cache may return: those to an equal request, at most `age` seconds old.

    Of an `ask`: with `similar`, also those to a request whose last message means nearly the same, by the cosine of
    both embeddings; `namespace` separates answers that would otherwise be shared.
    """

    age: Seconds = Field(alias="for")
    similar: float | None = Field(default=None, gt=0, le=1)
    namespace: str = Field(default="", max_length=100)


def _reuse(value: object) -> object:
    return value if value is None or isinstance(value, (dict, Reuse)) else {"for": value}


class Step(Spec):
    """What all steps have.

    A step waits for those in `after` and those that it refers to. It is skipped when `when` is false, when a
    decision took another branch, or when all steps that it waits for were skipped. `optional` lets the run go on
    without it. `cache` lets it use the response cache.
    """

    description: str = ""
    after: tuple[Name, ...] = ()
    when: Expression | None = None
    timeout: Seconds = 60.0
    retry: Retry = Retry(attempts=1)
    optional: bool = False
    fallback: Fallback | None = None
    cache: Annotated[Reuse | None, BeforeValidator(_reuse, json_schema_input_type=Reuse | float | str | None)] = None

    @property
    def cache_for(self) -> float | None:
        """How old (seconds) a cached answer may be."""
        return self.cache.age if self.cache else None

    @model_validator(mode="after")
    def _equal_only(self) -> Self:
        if self.cache and not isinstance(self, AskStep) and (self.cache.similar is not None or self.cache.namespace):
            raise ValueError("cache: only steps that ask models have similar and namespace")
        return self


class RetrieveStep(Step):
    """Find the `limit` chunks that fit `query`, a template, best. Output: the chunks.

    `filter`, a value, leaves only documents with certain metadata; null leaves all. Of several `stores`, all are
    searched; without any, it is the default one. With `max_tokens`, the chunks are made to fit into so many tokens of a
    model's context.
    """

    kind: Literal["retrieve"]
    query: str
    limit: int = Field(default=4, ge=1, le=100)
    max_tokens: int | None = Field(default=None, ge=1)
    collection: str = "default"
    filter: str | dict[str, JsonValue] | None = None
    stores: Annotated[tuple[str, ...], Field(max_length=20)] = ()

    @field_validator("stores")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a store is named twice")
        return value

    @field_validator("filter")
    @classmethod
    def _usable(cls, value: str | dict[str, JsonValue] | None) -> str | dict[str, JsonValue] | None:
        check_filter(value)
        return value


class Component(BaseModel):
    """A component by name, and its options: all further keys, which the component itself checks."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def options(self) -> Mapping[str, Any]:
        """The further keys."""
        return self.model_extra or {}


class Routing(Component):
    """Which of the step's models are asked: `policy` names one of `app.routing`.

    `choose` is how many; all that qualify when absent. With `fall_back`, a model that fails is replaced by the
    next in the policy's order. `key`, an expression, gives equal tasks the same models, for policies that are sticky
    (the task's id when absent).
    """

    policy: str = "fixed"
    choose: int | None = Field(default=None, ge=1)
    fall_back: bool = True
    key: Expression | None = None


class Fusion(Component):
    """How candidates become one answer: `strategy` names one of `app.fusion`.

    Fewer than `quorum` candidates are a failure.
    """

    strategy: str = "first"
    quorum: int = Field(default=1, ge=1)


class AskTool(Tool):
    """A function that the models of a step may ask to be called: `parameters` is the JSON Schema of its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known_sampling(value: object) -> object:
    """Refuse a misspelt key, which the event would ignore as a field of a newer version."""
    known = Sampling.model_fields
    if isinstance(value, Mapping) and (unknown := sorted(map(str, value.keys() - known.keys()))):
        raise ValueError(f"there is no {unknown[0]}; {did_you_mean(unknown[0], known)}")
    return value


def _stages(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


class AskStep(Step):
    """Ask models, and fuse what they answer. `system` and `prompt` are templates. Output: the answer.

    `messages`, a value, is a conversation that comes before the prompt, or in its place: a list of messages with `role`
    and `content`, and `images`, `tool_calls` or `tool_call_id`. `overrides`, a value, is an object whose `models`,
    `sampling`, `tools`, `tool_choice`, `schema`, `stream` and `fusion` take the place of the step's, for what a task
    decides; its models are some of the step's.

    `routing` is one policy, or several that narrow the choice one after the other. `samples` asks each model
    so often. With `schema`, answers are JSON of that JSON Schema (the output is the data), and a model whose
    answer is not is told why and asked again, up to `repairs` times.

    `images`, values, are the URLs of images that go with the prompt. Models may ask for calls of `tools`, as
    `tool_choice` says (`auto`, `none`, `required`, or a tool's name). With `stream`, the answer goes to
    `result-chunks` while it is made: then one model is asked at a time, and another continues where one was cut off.
    With `batch` the provider answers as part of a batch, within a day unless `timeout` says otherwise, and usually for
    half the price. A feature that a model lacks is left out if it is in `downgrade`; otherwise the model fails.
    """

    kind: Literal["ask"]
    models: tuple[str, ...] = Field(min_length=1)
    prompt: str = ""
    messages: str | tuple[JsonValue, ...] = ()
    overrides: str | dict[str, JsonValue] = Field(default_factory=dict)
    system: str | None = None
    samples: int = Field(default=1, ge=1, le=100)
    routing: Annotated[tuple[Routing, ...], BeforeValidator(_stages)] = Field(default=(Routing(),), min_length=1)
    fusion: Fusion = Fusion()
    sampling: Annotated[Sampling, BeforeValidator(known_sampling)] = Sampling()
    output_schema: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    repairs: int = Field(default=1, ge=0, le=10)
    images: str | tuple[str, ...] = ()
    tools: tuple[AskTool, ...] = ()
    tool_choice: str = "auto"
    stream: bool = False
    batch: bool = False
    downgrade: tuple[Feature, ...] = ()

    def default_of(self, name: str) -> Any:
        """Return a field's default: with `batch`, the timeout is a day."""
        return _BATCH_TIMEOUT if name == "timeout" and self.batch else super().default_of(name)

    @model_validator(mode="after")
    def _default_timeout(self) -> Self:
        return self._filled("timeout")

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if not self.messages and "prompt" not in self.model_fields_set:
            raise ValueError("give a prompt, or messages")
        return self

    @field_validator("models")
    @classmethod
    def _distinct(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(models)) < len(models):  # a request is named by its model
            raise ValueError("a model is named twice; `samples` asks a model several times")
        return models


class Branch(Spec):
    """One way: taken when `when` holds (always, when absent), and then `steps` run."""

    name: Name
    when: Expression | None = None
    steps: tuple[Name, ...] = ()


class DecideStep(Step):
    """Take the first branch whose condition holds; the steps of the others are skipped. Output: the branch's name."""

    kind: Literal["decide"]
    branches: tuple[Branch, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> DecideStep:
        names = [branch.name for branch in self.branches]
        if len(set(names)) < len(names):
            raise ValueError("two branches have the same name")
        if any(branch.when is None for branch in self.branches[:-1]):
            raise ValueError("only the last branch can be without `when`: those after it would never be taken")
        return self


class ConnectorStep(Step):
    """Call `connector`, a name from the settings, with `arguments`, values. Output: what it returns."""

    kind: Literal["connector"]
    connector: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class TransformStep(Step):
    """Compute `value`, an expression. Output: what it yields."""

    kind: Literal["transform"]
    value: Expression


class WorkflowStep(Step):
    """Run another workflow as a child, with `input`, values. Output: its answer."""

    kind: Literal["workflow"]
    workflow: str
    version: int | None = Field(default=None, ge=1)
    input: dict[str, JsonValue] = Field(default_factory=dict)


class WaitStep(Step):
    """Wait for a time or for a signal. Output: the signal's payload, or null.

    Give one of `seconds`, from the step's beginning; `until`, an expression that yields a timestamp; `signal`,
    the name of a signal, awaited until the step's time-out. Set `timeout` above the wait.
    """

    kind: Literal["wait"]
    timeout: Seconds = 86400.0
    seconds: Seconds | None = Field(default=None, alias="for")
    until: Expression | None = None
    signal: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> WaitStep:
        if sum(given is not None for given in (self.seconds, self.until, self.signal)) != 1:
            raise ValueError("give one of `for`, `until` and `signal`")
        if self.seconds is not None and self.seconds >= self.timeout:
            raise ValueError("`for` must be shorter than `timeout`")
        return self


ItemStep = Annotated[RetrieveStep | AskStep | ConnectorStep | TransformStep | WorkflowStep, Field(discriminator="kind")]


class MapStep(Step):
    """Run `step` for each item of `over`, an expression that yields a list; at most `parallel` at once.

    In `step`, `item` is the item and `index` its place from 0. Output: the outputs in the order of the items;
    null for an item that failed, of which there may be `tolerate`.
    """

    kind: Literal["map"]
    timeout: Seconds = 600.0
    over: Expression
    step: ItemStep
    parallel: int = Field(default=8, ge=1, le=1000)
    at_most: int = Field(default=1000, ge=1, le=100_000)
    tolerate: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _once(self) -> MapStep:
        if self.retry.attempts > 1:
            raise ValueError("a map is not retried as a whole; give `retry` to the step inside it")
        return self

    def default_of(self, name: str) -> Any:
        """Return a field's default: with `batch` inside, the timeout is that of the step inside."""
        return batch_wait(self.step) or super().default_of(name) if name == "timeout" else super().default_of(name)

    @model_validator(mode="after")
    def _default_timeout(self) -> Self:
        return self._filled("timeout")

    @field_validator("step")
    @classmethod
    def _plain(cls, step: Step) -> Step:
        for field in ("after", "fallback"):
            if getattr(step, field):
                raise ValueError(f"the step inside a map cannot have `{field}`; give it to the map")
        return step


def batch_wait(step: Step) -> float:
    """Return how many seconds a step may wait for batches."""
    match step:
        case AskStep(batch=True):
            return step.timeout * step.retry.attempts
        case MapStep():
            return step.timeout if batch_wait(step.step) else 0.0
        case _:
            return 0.0


AnyStep = Annotated[
    RetrieveStep | AskStep | DecideStep | MapStep | ConnectorStep | TransformStep | WorkflowStep | WaitStep,
    Field(discriminator="kind"),
]
