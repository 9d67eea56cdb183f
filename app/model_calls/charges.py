"""What an answer has cost: the one place where tokens become money, whatever became of the answer.

A provider's counts are taken as they are reported. A side that was not counted is estimated: the input from the
request, the output from what the model wrote. The price is that of the model at the time of the call; without a known
price, the cost is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dependencies import ConfiguredModel
from app.models.base import Completion
from app.prices.token_estimates import estimate_request_tokens, estimate_tokens, written_text
from topics.model_requests import ModelRequest
from topics.model_responses import Usage

#: What runs on this machine costs nothing, unless a price is set.
_FREE = frozenset({"local", "scripted"})


@dataclass(frozen=True, slots=True)
class Charge:
    """The tokens of one answer and their cost; `estimated` tells that the provider did not count all of them."""

    usage: Usage
    estimated: bool


def is_free(configured: ConfiguredModel) -> bool:
    """Whether what a model uses costs nothing."""
    return configured.price is None and configured.model.provider in _FREE


def charge(
    request: ModelRequest, configured: ConfiguredModel, answer: Completion, *, said: str = "", batched: bool = False
) -> Charge:
    """Return what an answer to a request has cost, whether or not it counts.

    `said` is what the model was told besides the request's messages: the beginning of the answer that it continues.
    """
    usage = answer.usage
    written = written_text(answer.left_out + answer.text, answer.reasoning, answer.tool_calls)
    missing = {}
    if usage.input_tokens <= 0:
        missing["input_tokens"] = estimate_request_tokens(request) + estimate_tokens(said)
    if usage.output_tokens <= 0 and written:
        missing["output_tokens"] = estimate_tokens(written)
    usage = usage.model_copy(update=missing)
    if configured.price:
        usage = usage.model_copy(update={"cost": configured.price.cost(usage, batched=batched)})
    return Charge(usage, estimated=bool(missing))
