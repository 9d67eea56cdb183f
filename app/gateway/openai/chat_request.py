"""The body of `POST /v1/chat/completions`, and what of it a model is asked.

Source: the reference of Chat Completions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue
from typing_extensions import override

from app.gateway.answers.bodies import AnswerRequest, Neutral, Part, as_list
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall
from topics.model_requests import ImageUrl as ImageAddress

#: Parameters of OpenAI's APIs that change nothing of the answer.
WITHOUT_EFFECT = frozenset(
    {"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user"}
)
_DEVELOPER = "developer"


class TextPart(Part):
    """A text in a message."""

    type: Literal["text"]
    text: str


class ImageUrl(Part):
    """Where an image is, or the image itself."""

    url: ImageAddress
    detail: Literal["auto"] = "auto"


class ImagePart(Part):
    """An image in a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class CalledFunction(Part):
    """What a model wanted called."""

    name: str
    arguments: str = ""


class Call(Part):
    """One call of an assistant's message."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction
    index: JsonValue = None  # SDKs send it back of a stream


Content = str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]


class ChatMessage(Part):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = ""
    tool_calls: list[Call] = Field(default_factory=list)
    tool_call_id: str | None = None
    #: What an SDK sends back of an answer that it was given; no model needs it.
    annotations: JsonValue = None
    reasoning_content: JsonValue = None

    def as_message(self) -> Message:
        """Return it as models are given it."""
        parts = [TextPart(type="text", text=self.content)] if isinstance(self.content, str) else self.content
        return Message(
            role="system" if self.role == _DEVELOPER else self.role,
            content="\n".join(part.text for part in parts if isinstance(part, TextPart)),
            images=tuple(Image(url=part.image_url.url) for part in parts if isinstance(part, ImagePart)),
            tool_calls=tuple(
                ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
                for call in self.tool_calls
            ),
            tool_call_id=self.tool_call_id,
        )


class FunctionTool(Tool):
    """A function that may be called; `strict` is left to the provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strict: bool | None = Field(default=None, exclude=True)


class ChatTool(Part):
    """A tool; only functions are known."""

    type: Literal["function"]
    function: FunctionTool


class ChosenFunction(Part):
    """The name of a function."""

    name: str


class ChosenTool(Part):
    """A function that must be called."""

    type: Literal["function"]
    function: ChosenFunction


class SchemaFormat(Part):
    """The JSON Schema of the answer."""

    name: str = "answer"
    description: str = ""
    body: dict[str, JsonValue] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class ResponseFormat(Part):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None

    @property
    def output_schema(self) -> dict[str, JsonValue] | None:
        """The JSON Schema, if the answer must be JSON."""
        if self.type == "json_schema" and self.json_schema:
            return self.json_schema.body
        return {"type": "object"} if self.type == "json_object" else None


class StreamOptions(Part):
    """What a stream contains beside the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatRequest(AnswerRequest):
    """A request of Chat Completions."""

    neutral: ClassVar[Neutral] = {
        "audio": (),
        "frequency_penalty": (0,),
        "function_call": (),
        "functions": ([],),
        "logit_bias": ({},),
        "modalities": (["text"],),
        "n": (1,),
        "parallel_tool_calls": (True,),
        "prediction": (),
        "presence_penalty": (0,),
        "verbosity": ("medium",),
        "web_search_options": (),
    }
    without_effect: ClassVar[frozenset[str]] = WITHOUT_EFFECT
    given: ClassVar[frozenset[str]] = frozenset({"messages", "stream_options", "metadata"})

    messages: list[ChatMessage] = Field(min_length=1)
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    stop: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    tools: list[ChatTool] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | ChosenTool = "auto"
    response_format: ResponseFormat | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    @override
    def turns(self) -> Iterator[Message]:
        return (message.as_message() for message in self.messages)

    @override
    def sampling(self) -> Sampling:
        return Sampling(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            stop=tuple(self.stop),
            reasoning_effort=self.reasoning_effort,
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
        )

    @override
    def functions(self) -> Iterator[Tool]:
        return (tool.function for tool in self.tools)

    @override
    def choice(self) -> str:
        return self.tool_choice if isinstance(self.tool_choice, str) else self.tool_choice.function.name

    @override
    def answer_schema(self) -> dict[str, JsonValue] | None:
        return self.response_format.output_schema if self.response_format else None

    @override
    def about(self) -> dict[str, str]:
        return self.metadata
