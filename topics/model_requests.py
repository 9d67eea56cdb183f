"""`model-requests`: one call to one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic

#: Features that not every model has; a model refuses a request for one that it lacks, by these names.
Feature = Literal[
    "batch",
    "images",
    "logprobs",
    "max_tokens",
    "reasoning_effort",
    "schema",
    "seed",
    "stop",
    "streaming",
    "temperature",
    "tools",
    "top_p",
]


#: Where an image is, or the image itself.
ImageUrl = Annotated[str, Field(pattern=r"^(https?://|data:image/[a-z.+-]+;base64,)")]
#: What a function may be called.
ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class Image(Event):
    """An image in a message: its URL, `https:`, or the image itself as `data:image/png;base64,…`."""

    url: ImageUrl


class Tool(Event):
    """A function that the model may ask to be called; `parameters` is the JSON schema of its arguments."""

    name: ToolName
    description: str = ""
    parameters: dict[str, JsonValue] = Field(default={"type": "object", "properties": {}})


class ToolCall(Event):
    """A call that a model asks for; `arguments` is the JSON text as the model wrote it, which may not be valid."""

    id: str
    name: str
    arguments: str = ""


class Message(Event):
    """One turn of a conversation.

    `images` go with what a user says. An assistant's `tool_calls` are each answered by a message of the role
    `tool`, whose `tool_call_id` says which call it answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Sampling(Event):
    """How the model generates; what is absent is left to the provider's default.

    `logprobs` asks for the log-probabilities of the answer's tokens, with so many alternatives for each.
    """

    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    logprobs: int | None = Field(default=None, ge=0, le=20)


class Ticket(Event):
    """How to get an answer that a provider makes as part of a batch.

    `batch` is the provider's name of the batch that was submitted at `at`, `item` that of the request in it. After
    `poll` seconds it may be polled.
    """

    batch: str
    item: str
    at: AwareDatetime
    poll: float = Field(ge=0, allow_inf_nan=False)


class ModelRequest(Event):
    """Call the configured model `model`; the answer carries the same `id`.

    `id` is a function of task, step, branch and attempt, so that a repeated request is recognised and
    not paid for twice. With `embed`, the answer's text is embedded too (a fusion that compares answers by
    meaning needs it). `purpose` tells a candidate answer from a call that a fusion makes. Where calls wait
    for a model, those of higher `priority` come first. A request is not begun after `expires_at`.

    An answer that is at most `cache_for` seconds old may be taken from the response cache, if its request was equal,
    or, with `cache_similar`, if its last message has at least this cosine; `cache_in` is a namespace that separates
    cached answers.

    `tools` may be called, as `tool_choice` says (`auto`, `none`, `required`, or a tool's name). `output_schema`
    is given to models that can keep to a JSON schema by themselves. The messages ask for it too; with `tell_schema`,
    they do not yet, and a model that cannot is told of it. With `stream`, the answer goes to `result-chunks` while it
    is made; `prefix` is the part of it that was streamed before another model failed, and is to be continued. A feature
    that the model lacks is left out if it is in `downgrade`, and refused otherwise.
    `tenant` and `workflow` say who pays; answers are cached for the same tenant and `roles` only, as documents that
    others may not see can be in them.

    With `batch` the request goes into a batch of the provider, and is answered at once by a ticket. A later request,
    with an id of its own, the same messages and the `ticket`, polls for the answer.
    """

    id: str
    task_id: str
    step: str
    branch: str
    attempt: int = Field(default=1, ge=1)
    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    sampling: Sampling = Sampling()
    purpose: Literal["answer", "fusion"] = "answer"
    embed: bool = False
    priority: int = 0
    cache_for: float | None = None
    cache_similar: float | None = Field(default=None, ge=0, le=1)
    cache_in: str = ""
    expires_at: AwareDatetime | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    output_schema: dict[str, JsonValue] | None = None
    tell_schema: bool = False
    stream: bool = False
    prefix: str = ""
    downgrade: tuple[Feature, ...] = ()
    tenant: str = ""
    roles: tuple[str, ...] = ()
    workflow: str = ""
    batch: bool = False
    ticket: Ticket | None = None


MODEL_REQUESTS = Topic(
    name="model-requests",
    event=ModelRequest,
    type="meta_ai.model_request",
    key="task id",
    summary="Calls to models, answered on model-responses.",
)
