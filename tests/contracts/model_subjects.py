"""The components that the contract of models is held against, and the doubles that stand for their providers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from app.models.base import Completion, Delta, Model, Prompt, StreamingModel
from app.models.registry import build
from app.settings import ModelSettings
from topics.model_requests import Feature, Image, Message, Sampling, Tool

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

KEY = "sk-planted-secret"

#: One for each way to speak, and one of the hosts that speak like another.
HOSTED: Mapping[str, dict[str, Any]] = {
    "anthropic": {"provider": "anthropic"},
    "groq": {"provider": "groq"},
    "openai": {"provider": "openai"},
    "openai-responses": {"provider": "openai", "options": {"dialect": "responses"}},
}

WEATHER = Tool(
    name="get_weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"marked_colour": {"type": "string", "enum": ["blue", "red"]}},
    "required": ["marked_colour"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Double(Protocol):
    """What stands for a provider."""

    async def slow(self) -> object:
        """Make it slow to begin its next answer."""
        ...

    async def pace(self) -> object:
        """Make it take its time between the pieces of its answers."""
        ...

    async def sent(self) -> object:
        """Return the body of the last request, None if it cannot tell."""
        ...


@dataclass(frozen=True)
class LLMockDouble:
    mock: LLMock

    async def slow(self) -> object:
        return self.mock.delay(1)

    async def pace(self) -> object:
        return self.mock.pace(50)

    async def sent(self) -> object:
        return self.mock.last_request.body


@dataclass(frozen=True)
class Own:
    """For a component that needs no provider: its own slowness has to do."""

    async def slow(self) -> None: ...

    async def pace(self) -> None: ...

    async def sent(self) -> None: ...


@dataclass(frozen=True)
class Subject:
    """A component, and what is behind it."""

    model: Model
    double: Double = field(default_factory=Own)

    async def answer(self, prompt: Prompt | None = None) -> Completion:
        return await self.model.complete(prompt or ask(), timeout=60)

    async def streamed(self, prompt: Prompt | None = None, *, timeout: float = 60) -> list[Delta | Completion]:
        return [piece async for piece in self.streaming.stream(prompt or ask(), timeout=timeout)]

    async def begun(self, prompt: Prompt | None = None) -> Delta | Completion:
        """Return the first piece of an answer, and leave the rest."""
        async with aclosing(self.streaming.stream(prompt or ask(), timeout=60)) as pieces:
            return await anext(pieces)

    @property
    def streaming(self) -> StreamingModel:
        assert "streaming" in self.model.features
        return cast("StreamingModel", self.model)


def ask(text: str = "Why is the sky blue?", **sampling: object) -> Prompt:
    turns = (Message(role="system", content="Answer briefly."), Message(role="user", content=text))
    return Prompt(turns, Sampling.model_validate(sampling))


#: What makes a model call the tool.
FORECAST = Prompt(ask("What is the weather in Oslo?").messages, tools=(WEATHER,))


def hosted(name: str, base_url: str, double: Double, **options: object) -> Subject:
    row = HOSTED[name]
    given = {"model": "m", "base_url": base_url, "api_key": KEY, "max_concurrency": 2}
    chosen = {"options": {**row.get("options", {}), **options}}
    return Subject(build("m", ModelSettings.model_validate({**given, **row, **chosen})), double)


def scripted() -> Subject:
    # Every call is slower than the shortest time that a test allows.
    rules = [{"pattern": "weather", "answer": "", "calls": [{"tool": "get_weather", "arguments": {"city": "Oslo"}}]}]
    options = {"delay": 0.2, "piece_delay": 0.02, "rules": rules, "reasoning": "Let me see."}
    return Subject(build("m", ModelSettings(provider="scripted", options=options)))


def local() -> Subject:
    settings = ModelSettings(provider="local", sampling={"max_tokens": 40}, options={"context": 1024})
    return Subject(build("m", settings))


@dataclass(frozen=True)
class Wish:
    """A prompt that needs one feature, and what shows that it had its effect.

    Of a provider's double, that is the request, which has what `sent` says, regular expressions; of a component that
    needs no provider, the answer, of which `shown` holds.
    """

    prompt: Prompt
    sent: tuple[str, ...]
    shown: Callable[[Completion], bool] = lambda _: True


def _sampled(*sent: str, shown: Callable[[Completion], bool] = lambda _: True, **sampling: object) -> Wish:
    return Wish(ask("Count: one two three four five six seven", **sampling), sent, shown)


def _pictured() -> Wish:
    image = Image(url=f"data:image/png;base64,{PIXEL}")
    return Wish(Prompt((Message(role="user", content="What is it?", images=(image,)),)), (re.escape(PIXEL),))


def _coloured(completion: Completion) -> bool:
    return json.loads(completion.text)["marked_colour"] in {"blue", "red"}


def _likely(completion: Completion) -> bool:
    return bool(completion.logprobs) and all(len(one.top) <= 3 for one in completion.logprobs or ())


#: `streaming` is not among them: the contract tells of it at length.
WISHES: Mapping[Feature, Wish] = {
    "images": _pictured(),
    "logprobs": _sampled(r'logprobs": 3\b', logprobs=3, max_tokens=5, shown=_likely),
    "max_tokens": _sampled(
        r'"max_(\w+_)?tokens": 5\b', max_tokens=5, shown=lambda answered: answered.finish_reason == "length"
    ),
    "reasoning_effort": _sampled('"low"', reasoning_effort="low"),
    "schema": Wish(Prompt(ask("Which colour?").messages, schema=SCHEMA), ("marked_colour",), _coloured),
    "seed": _sampled(r'seed": 4711\b', seed=4711),
    "stop": _sampled('"three"', stop=("three",), shown=lambda answered: "three" not in answered.text),
    "temperature": _sampled('"temperature": 0.25', temperature=0.25),
    "tools": Wish(FORECAST, ("get_weather", '"city"'), lambda answered: answered.finish_reason == "tool_calls"),
    "top_p": _sampled('"top_p": 0.75', top_p=0.75),
}


def within(body: object) -> str:
    """Return a request as one text, to search."""
    return json.dumps(body, ensure_ascii=False)
