from __future__ import annotations

from typing import Any

import pytest

from app.models.openai.chat_usage import ChatUsage
from topics.model_responses import Usage


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 8,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(input_tokens=10, output_tokens=8, cached_input_tokens=4, reasoning_tokens=5),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 8, "prompt_cache_hit_tokens": 4, "prompt_tokens_details": None},
            Usage(input_tokens=10, output_tokens=8, cached_input_tokens=4),
        ),
        # Reasoning that is not counted as written is paid all the same.
        (
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20},
            Usage(input_tokens=10, output_tokens=10, reasoning_tokens=7),
        ),
        ({"prompt_tokens": None, "completion_tokens": None}, Usage()),
    ],
)
def test_tokens_are_counted(theirs: dict[str, Any], ours: Usage) -> None:
    assert ChatUsage.model_validate(theirs).usage() == ours
