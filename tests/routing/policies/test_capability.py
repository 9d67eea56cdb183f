from __future__ import annotations

from typing import Any

import pytest

from app.routing.base import ModelProfile
from tests.routing.asks import ask, everyone, policy

PROFILES = {
    "big": ModelProfile(context_tokens=100_000, tags=frozenset({"code", "law"}), region="us", tools=True),
    "small": ModelProfile(context_tokens=1000, tags=frozenset({"code"}), region="eu"),
    "unknown": ModelProfile(),
}
MODELS = tuple(PROFILES)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, MODELS),
        ({"tags": "code"}, ("big", "small")),
        ({"tags": ["code", "law"]}, ("big",)),
        ({"min_context": 1000}, ("big", "small")),
        ({"min_context": 1001}, ("big",)),
        ({"tools": True}, ("big",)),
        ({"region": "eu"}, ("small",)),
        ({"region": ["eu", "us"]}, ("big", "small")),
        ({"tags": ["law"], "region": "eu"}, ()),
    ],
)
def test_those_that_have_everything_are_kept_in_order(options: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert everyone(policy("capability", **options).choose(ask(*MODELS, count=1, profiles=PROFILES))) == expected


@pytest.mark.parametrize(("tokens", "expected"), [(1000, MODELS), (1001, ("big", "unknown")), (200_000, ("unknown",))])
def test_a_prompt_that_does_not_fit_keeps_a_model_out(tokens: int, expected: tuple[str, ...]) -> None:
    assert policy("capability").choose(ask(*MODELS, tokens=tokens, profiles=PROFILES)).models == expected


def test_the_reason_says_what_each_lacks() -> None:
    demanding = policy("capability", tags=["law"], tools=True, region="us", min_context=5000)
    assert demanding.choose(ask(*MODELS, profiles=PROFILES)).reason == (
        "small lacks law and cannot call tools and runs in eu and reads 1000 tokens; "
        "unknown lacks law and cannot call tools and runs in an unknown region and reads an unknown number of tokens"
    )
    assert policy("capability").choose(ask("small", tokens=1500, profiles=PROFILES)).reason == (
        "small reads only 1000 of the prompt's 1500 tokens"
    )
    assert policy("capability").choose(ask(*MODELS, profiles=PROFILES)).reason == "all qualify"
