"""The conformance checks: one or two small calls for each promise of the port and each feature."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import cast, get_args

from pydantic import JsonValue

from app.conformance import CheckFailed, require
from app.errors import ModelError, ModelTimeout
from app.models.base import BatchModel, Completion, Delta, Model, Prompt, StreamingModel
from app.models.conformance.sample_image import png
from app.schemas import Schema
from topics.model_requests import Feature, Image, Message, Sampling, Tool

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "other"})

_MAX_TOKENS = 256  # tokens: enough for a model that thinks a little, and cheap
_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
_TOOL = Tool(
    name="weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


class ConformanceChecks:
    """One method for each promise: it returns a note, or raises `CheckFailed`, or the `ModelError` of a call.

    Methods for features have the feature's name, and need a model that claims it.
    """

    def __init__(self, model: Model, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._first: Completion | None = None

    def _prompt(self, text: str, **sampling: object) -> Prompt:
        most = {"max_tokens": _MAX_TOKENS} if "max_tokens" in self._model.features else {}
        return Prompt((Message(role="user", content=text),), Sampling.model_validate(most | sampling))

    async def _ask(self, prompt: Prompt) -> Completion:
        answer = await self._model.complete(prompt, timeout=self._timeout)
        require(isinstance(answer, Completion), f"complete() returned {type(answer).__name__}, not a Completion")
        require(answer.finish_reason in FINISH_REASONS, f"{answer.finish_reason!r} is not a valid finish reason")
        said = answer.text.strip() or answer.tool_calls or answer.finish_reason == "length"
        require(said, "the answer is empty")
        return answer

    async def complete(self) -> str:
        """It answers, with a finish reason."""
        self._first = await self._ask(self._prompt("Reply with the word: ready"))
        return f"{self._first.finish_reason}, {len(self._first.text)} characters"

    async def usage(self) -> str:
        """It counts input and output tokens."""
        counted = cast("Completion", self._first).usage
        require(counted.input_tokens > 0, "the tokens of the prompt are not counted")
        require(counted.output_tokens > 0, "the tokens of the answer are not counted")
        return f"{counted.input_tokens} in, {counted.output_tokens} out"

    async def features(self) -> str:
        """All its features are known."""
        unknown = sorted(set(self._model.features).difference(get_args(Feature)))
        require(not unknown, f"unknown feature: {', '.join(unknown)}")
        return ", ".join(sorted(self._model.features))

    async def streaming(self) -> str:
        """The deltas of a stream add up to the text of the completion, which comes last."""
        pieces: list[Delta] = []
        last: Completion | None = None
        model = cast("StreamingModel", self._model)
        async with aclosing(model.stream(self._prompt("Count from one to ten."), timeout=self._timeout)) as stream:
            async for piece in stream:
                require(last is None, "the stream continues after the completion")
                if isinstance(piece, Completion):
                    last = piece
                else:
                    pieces.append(piece)
        if last is None:
            raise CheckFailed("the stream ends without a completion")
        require(
            "".join(piece.text for piece in pieces) == last.text,
            "the deltas do not add up to the text of the completion",
        )
        return f"{len(pieces)} pieces"

    async def batch(self) -> str:
        """A batch of one request is accepted, and its state can be read."""
        model = cast("BatchModel", self._model)
        requests = {"probe": model.batched(self._prompt("Reply with the word: ready"))}
        batch = await model.submit(requests, timeout=self._timeout)
        collected = await model.collect(batch, timeout=self._timeout)
        if collected is None:
            return "accepted, not answered yet"
        answer = collected.of("probe")
        if isinstance(answer, ModelError):
            raise answer
        require(isinstance(answer, Completion), f"the batch has a {type(answer).__name__} in it, not a Completion")
        return "accepted and answered"

    async def max_tokens(self) -> str:
        """An answer is not longer than `max_tokens`."""
        answer = await self._ask(self._prompt("Count from one to one hundred, in words.", max_tokens=16))
        require(answer.usage.output_tokens <= 16, f"{answer.usage.output_tokens} tokens, but 16 are allowed")  # noqa: PLR2004  # asked for above
        return answer.finish_reason

    async def stop(self) -> str:
        """An answer ends before a stop sequence."""
        answer = await self._ask(self._prompt("Write these words: one two three four five", stop=("three",)))
        require("three" not in answer.text, "the answer continues after the stop sequence")
        return ""

    async def temperature(self) -> str:
        """A temperature is accepted."""
        return await self._accepted(temperature=0.0)

    async def top_p(self) -> str:
        """A `top_p` is accepted."""
        return await self._accepted(top_p=0.5)

    async def seed(self) -> str:
        """A seed is accepted; whether answers are equal is for the provider to promise."""
        return await self._accepted(seed=7)

    async def reasoning_effort(self) -> str:
        """A reasoning effort is accepted."""
        return await self._accepted(reasoning_effort="low")

    async def _accepted(self, **sampling: object) -> str:
        await self._ask(self._prompt("Reply with the word: ready", **sampling))
        return "accepted"

    async def logprobs(self) -> str:
        """Tokens come with their log-probabilities."""
        answer = await self._ask(self._prompt("Reply with the word: ready", logprobs=1))
        require(answer.logprobs, "no log-probabilities")
        require(all(token.logprob <= 0 for token in answer.logprobs or ()), "a probability is greater than one")
        return f"{len(answer.logprobs or ())} tokens"

    async def images(self) -> str:
        """An image is accepted; what is seen in it does not matter."""
        message = Message(role="user", content="Which colour is this?", images=(Image(url=png(32, 32, (255, 0, 0))),))
        plain = self._prompt("")
        await self._ask(Prompt((message,), plain.sampling))
        return "accepted"

    async def schema(self) -> str:
        """An answer matches a JSON schema."""
        asked = self._prompt('Which number follows after six? Answer in JSON, as in {"n": 0}.')
        answer = await self._ask(Prompt(asked.messages, asked.sampling, schema=_SCHEMA))
        try:
            complaint = Schema(_SCHEMA, where="schema").complaint(json.loads(answer.text))
        except ValueError:
            complaint = "the answer is not valid JSON"
        require(complaint is None, f"the answer does not match the schema: {complaint}")
        return ""

    async def tools(self) -> str:
        """A tool is called when required, and its result is accepted."""
        asked = self._prompt("How is the weather in Paris?")
        answer = await self._ask(Prompt(asked.messages, asked.sampling, (_TOOL,), "required"))
        require(answer.tool_calls, "no tool was called although tool_choice required one")
        call = answer.tool_calls[0]
        require(call.name == _TOOL.name, f"unknown tool {call.name!r}")
        require(_is_object(call.arguments), "the arguments are not a JSON object")
        told = Message(role="tool", content='{"sky": "clear"}', tool_call_id=call.id)
        said = Message(role="assistant", content=answer.text, tool_calls=answer.tool_calls[:1])
        await self._ask(Prompt((*asked.messages, said, told), asked.sampling, (_TOOL,)))
        return "called, and its result used in the answer"

    async def short(self) -> str:
        """A call ends at its timeout."""
        started = time.monotonic()
        try:
            await self._model.complete(self._prompt("Count from one to one hundred, in words."), timeout=0.001)
        except ModelTimeout:
            return "timed out in time"
        require(time.monotonic() - started < 1, "it continued after the timeout")
        return "answered in time"

    async def close(self) -> str:
        """It can be closed, twice."""
        async with asyncio.timeout(self._timeout):
            await self._model.close()
            await self._model.close()
        return ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
