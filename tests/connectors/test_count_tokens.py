from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.connectors.count_tokens import CountTokensConnector
from app.errors import ConnectorError, ConnectorUnavailable, Unavailable
from topics.model_requests import Message


class Words:
    """Counts words."""

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        if messages[0].content == "away":
            raise Unavailable("gone", provider="words")
        return sum(len(message.content.split()) for message in messages)


def asked(text: str, model: str = "words") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]}


async def test_that_the_model_counts() -> None:
    assert await CountTokensConnector({"words": Words()}).run(asked("How are you?"), timeout=1) == 5


async def test_that_a_model_without_a_tokenizer_is_told_with_those_that_have_one() -> None:
    with pytest.raises(ConnectorError, match=r"big has no tokenizer here; those that have: words"):
        await CountTokensConnector({"words": Words()}).run(asked("x", "big"), timeout=1)
    with pytest.raises(ConnectorError, match=r"those that have: none"):
        await CountTokensConnector({}).run(asked("x"), timeout=1)


async def test_that_wrong_arguments_are_named_and_a_failure_may_pass() -> None:
    connector = CountTokensConnector({"words": Words()})
    with pytest.raises(ConnectorError, match=r"arguments\.messages: "):
        await connector.run({"model": "words", "messages": []}, timeout=1)
    with pytest.raises(ConnectorUnavailable, match="gone"):
        await connector.run({"model": "words", "messages": [{"role": "user", "content": "away"}]}, timeout=1)
