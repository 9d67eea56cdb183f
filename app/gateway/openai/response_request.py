"""The body of `POST /v1/responses`, and what of it a model is asked.

Source: the reference of Responses. Nothing is stored for later requests: a conversation is sent whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, JsonValue
from pydantic import Tag as Tagged
from typing_extensions import override

from app.gateway.answers.bodies import AnswerRequest, Neutral, Part
from app.gateway.openai.chat_request import WITHOUT_EFFECT
from topics.model_requests import Image, ImageUrl, Message, Sampling, Tool, ToolCall


class InputText(Part):
    """A text in a message, of a user or of an earlier answer."""

    type: Literal["input_text", "output_text"]
    text: str
    annotations: JsonValue = None
    logprobs: JsonValue = None


class InputImage(Part):
    """An image in a message."""

    type: Literal["input_image"]
    image_url: ImageUrl
    detail: Literal["auto"] = "auto"


class InputMessage(Part):
    """One turn of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Annotated[InputText | InputImage, Field(discriminator="type")]]
    #: What an SDK sends back of an answer that it was given.
    id: JsonValue = None
    status: JsonValue = None
    phase: JsonValue = None


class FunctionCall(Part):
    """What a model wanted called."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    id: JsonValue = None
    status: JsonValue = None


class FunctionCallOutput(Part):
    """What a call has returned."""

    type: Literal["function_call_output"]
    call_id: str
    output: str
    id: JsonValue = None
    status: JsonValue = None


class Reasoning(Part):
    """What a model has thought before: it is not passed on."""

    model_config = ConfigDict(extra="allow")

    type: Literal["reasoning"]


def _kind(item: object) -> str:
    kind = item.get("type", "message") if isinstance(item, dict) else getattr(item, "type", "message")
    return str(kind)


Item = Annotated[
    Annotated[InputMessage, Tagged("message")]
    | Annotated[FunctionCall, Tagged("function_call")]
    | Annotated[FunctionCallOutput, Tagged("function_call_output")]
    | Annotated[Reasoning, Tagged("reasoning")],
    Discriminator(_kind),
]


class ResponseTool(Tool):
    """A function that may be called; other tools are not known. `strict` is left to the provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["function"] = Field(exclude=True)
    strict: bool | None = Field(default=None, exclude=True)


class ChosenFunction(Part):
    """A function that must be called."""

    type: Literal["function"]
    name: str


class TextFormat(Part):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = "answer"
    description: str = ""
    body: dict[str, JsonValue] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class TextSettings(Part):
    """How the answer is written."""

    format: TextFormat = TextFormat()
    verbosity: Literal["medium"] = "medium"


class ReasoningSettings(Part):
    """How long a model thinks."""

    effort: Literal["minimal", "low", "medium", "high"] | None = None
    summary: JsonValue = None


def _items(value: object) -> object:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class ResponseRequest(AnswerRequest):
    """A request of Responses."""

    neutral: ClassVar[Neutral] = {
        "background": (False,),
        "include": ([], ["reasoning.encrypted_content"]),
        "parallel_tool_calls": (True,),
        "stream_options": ({}, {"include_obfuscation": False}, {"include_obfuscation": True}),
        "truncation": ("disabled",),
    }
    without_effect: ClassVar[frozenset[str]] = WITHOUT_EFFECT
    given: ClassVar[frozenset[str]] = frozenset({"input", "metadata"})

    input: Annotated[list[Item], BeforeValidator(_items)] = Field(min_length=1)
    instructions: str = ""
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    reasoning: ReasoningSettings = ReasoningSettings()
    text: TextSettings = TextSettings()
    tools: list[ResponseTool] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | ChosenFunction = "auto"
    metadata: dict[str, str] = Field(default_factory=dict)

    @override
    def turns(self) -> Iterator[Message]:
        if self.instructions:
            yield Message(role="system", content=self.instructions)
        yield from _turns(self.input)

    @override
    def sampling(self) -> Sampling:
        return Sampling(
            max_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            reasoning_effort=self.reasoning.effort,
        )

    @override
    def functions(self) -> list[ResponseTool]:
        return self.tools

    @override
    def choice(self) -> str:
        return self.tool_choice if isinstance(self.tool_choice, str) else self.tool_choice.name

    @override
    def answer_schema(self) -> dict[str, JsonValue] | None:
        form = self.text.format
        return None if form.type == "text" else form.body or {"type": "object"}

    @override
    def about(self) -> dict[str, str]:
        return self.metadata


def _turns(items: list[Any]) -> Iterator[Message]:
    """Yield the turns: the calls of one answer are one, together with the text before them."""
    said: Message | None = None
    calls: list[ToolCall] = []
    for item in (*items, None):  # what was said last is ended too
        if isinstance(item, Reasoning):
            continue
        if isinstance(item, FunctionCall):
            calls.append(ToolCall(id=item.call_id, name=item.name, arguments=item.arguments))
            continue
        if said or calls:
            answer = said or Message(role="assistant", content="")
            yield answer.model_copy(update={"tool_calls": tuple(calls)})
            said, calls = None, []
        if isinstance(item, FunctionCallOutput):
            yield Message(role="tool", content=item.output, tool_call_id=item.call_id)
        elif isinstance(item, InputMessage) and item.role == "assistant":
            said = _message(item)
        elif isinstance(item, InputMessage):
            yield _message(item)


def _message(item: InputMessage) -> Message:
    parts: list[BaseModel] = (
        [InputText(type="input_text", text=item.content)] if isinstance(item.content, str) else [*item.content]
    )
    return Message(
        role="system" if item.role == "developer" else item.role,
        content="\n".join(part.text for part in parts if isinstance(part, InputText)),
        images=tuple(Image(url=part.image_url) for part in parts if isinstance(part, InputImage)),
    )
