from __future__ import annotations

from app.models.base import Prompt
from app.models.limits.base import expected_tokens
from topics.model_requests import Message, Sampling


def test_a_prompt_is_expected_to_use_a_quarter_of_its_characters_and_an_answer() -> None:
    prompt = Prompt((Message(role="user", content="x" * 400),))
    assert expected_tokens(prompt) == 100 + 512
    assert expected_tokens(prompt, 50) == 150
    bounded = Prompt(prompt.messages, Sampling(max_tokens=7))
    assert expected_tokens(bounded, 50) == 107
