"""The body of `POST /v1/messages`, and what of it a model is asked.

Source: the reference of Anthropic's Messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, ValidationError, model_validator
from typing_extensions import override

from app.gateway.answers.bodies import AnswerRequest, Neutral, Part
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall, ToolName


class Block(Part):
    """What blocks share: where a provider may cache up to changes nothing of the answer."""

    cache_control: JsonValue = None


class TextBlock(Block):
    """A text."""

    type: Literal["text"]
    text: str
    citations: JsonValue = None


class ImageSource(Part):
    """Where an image is, or the image itself."""

    type: Literal["base64", "url"]
    media_type: str = ""
    data: str = ""
    url: str = ""

    @model_validator(mode="after")
    def _is_an_image(self) -> Self:
        try:
            Image(url=self.as_url())
        except ValidationError:
            raise ValueError("must be an image in base64 with its media type, or an address with https://") from None
        return self

    def as_url(self) -> str:
        """Return it as a URL."""
        return self.url if self.type == "url" else f"data:{self.media_type};base64,{self.data}"


class ImageBlock(Block):
    """An image."""

    type: Literal["image"]
    source: ImageSource


class ToolUseBlock(Block):
    """What a model wanted called."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, JsonValue]
    caller: JsonValue = None


class ToolResultBlock(Block):
    """What a call has returned."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[TextBlock] = ""
    is_error: bool = False

    def as_message(self) -> Message:
        """Return it as models are given it; that it is an error, they read."""
        return Message(role="tool", content=_text(self.content), tool_call_id=self.tool_use_id)


class ThinkingBlock(Block):
    """What a model has thought before: it is not passed on."""

    model_config = ConfigDict(extra="allow")

    type: Literal["thinking", "redacted_thinking"]


AnyBlock = Annotated[
    TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock, Field(discriminator="type")
]


class Turn(Part):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str | list[AnyBlock]

    def as_messages(self) -> Iterator[Message]:
        """Yield it as models are given it: what calls have returned are turns of their own."""
        blocks = [] if isinstance(self.content, str) else self.content
        results = [block for block in blocks if isinstance(block, ToolResultBlock)]
        yield from (block.as_message() for block in results)
        if blocks and len(results) == len(blocks):
            return
        yield Message(
            role=self.role,
            content=self.content if isinstance(self.content, str) else _text(blocks),
            images=tuple(Image(url=block.source.as_url()) for block in blocks if isinstance(block, ImageBlock)),
            tool_calls=tuple(
                ToolCall(id=block.id, name=block.name, arguments=json.dumps(block.input, ensure_ascii=False))
                for block in blocks
                if isinstance(block, ToolUseBlock)
            ),
        )


class MessageTool(Block):
    """A function that may be called; other tools are not known."""

    type: Literal["custom"] = "custom"
    name: ToolName
    description: str = ""
    input_schema: dict[str, JsonValue]
    strict: JsonValue = None

    def as_tool(self) -> Tool:
        """Return it as models are given it."""
        return Tool(name=self.name, description=self.description, parameters=self.input_schema)


class ToolChoice(Part):
    """Which tools may be called."""

    type: Literal["auto", "any", "tool", "none"] = "auto"
    name: str = ""
    disable_parallel_tool_use: Literal[False] = False

    def as_choice(self) -> str:
        """Return it as models are given it."""
        return {"any": "required", "tool": self.name}.get(self.type, self.type)


class Metadata(Part):
    """Who asks: it changes nothing of the answer."""

    user_id: str = ""


class OutputFormat(Part):
    """The JSON Schema of the answer."""

    type: Literal["json_schema"]
    body: dict[str, JsonValue] = Field(alias="schema")


class OutputConfig(Part):
    """The form of the answer."""

    format: OutputFormat | None = None


class MessageRequest(AnswerRequest):
    """A request of Messages."""

    neutral: ClassVar[Neutral] = {
        "betas": ([],),
        "mcp_servers": ([],),
        "speed": ("standard",),
        "thinking": ({"type": "disabled"}, {"type": "adaptive"}),
    }
    without_effect: ClassVar[frozenset[str]] = frozenset(
        {"cache_control", "diagnostics", "inference_geo", "service_tier", "user_profile_id", "workspace_id"}
    )
    given: ClassVar[frozenset[str]] = frozenset({"messages", "max_tokens", "metadata"})

    messages: list[Turn] = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    system: str | list[TextBlock] = ""
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop_sequences: list[str] = Field(default_factory=list)
    tools: list[MessageTool] = Field(default_factory=list)
    tool_choice: ToolChoice = ToolChoice()
    output_config: OutputConfig = OutputConfig()
    metadata: Metadata = Metadata()

    @override
    def turns(self) -> Iterator[Message]:
        if self.system:
            yield Message(role="system", content=_text(self.system))
        for turn in self.messages:
            yield from turn.as_messages()

    @override
    def sampling(self) -> Sampling:
        return Sampling(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=tuple(self.stop_sequences),
        )

    @override
    def functions(self) -> Iterator[Tool]:
        return (tool.as_tool() for tool in self.tools)

    @override
    def choice(self) -> str:
        return self.tool_choice.as_choice()

    @override
    def answer_schema(self) -> dict[str, JsonValue] | None:
        return self.output_config.format.body if self.output_config.format else None

    @override
    def about(self) -> dict[str, str]:
        return {"user_id": self.metadata.user_id} if self.metadata.user_id else {}


def _text(content: str | list[TextBlock] | list[AnyBlock]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if isinstance(block, TextBlock))
