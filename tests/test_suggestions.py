from __future__ import annotations

import pytest

from app.suggestions import closest_match, did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("time-out", ["timeout", "after"], "timeout"),
        ("GPT_5_Mini", ["gpt-5", "gpt-5-mini"], "gpt-5-mini"),
        ("antropic", ["anthropic", "openai"], "anthropic"),
        ("grüsse", ["grüße"], "grüße"),
        ("दसतावेज़", ["दस्तावेज़", "कार्य"], "दस्तावेज़"),
        ("", ["timeout"], ""),
        ("xyzzy", ["timeout"], ""),
        ("timeout", [], ""),
        ("a" * 200, ["a" * 199], "a" * 199),
        ("a" * 201, ["a" * 200], ""),
    ],
)
def test_the_closest_name_and_nothing_far_fetched(name: str, known: list[str], expected: str) -> None:
    assert closest_match(name, known) == expected


def test_what_is_listed_may_have_a_name() -> None:
    assert did_you_mean("aks", ["map", "wait"], "known kinds:") == "known kinds: map, wait"
    assert did_you_mean("aks", [], "known kinds:") == "known kinds: none"
    assert did_you_mean("aks", ["ask"], "known kinds:") == "did you mean `ask`?"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("aks", ["ask", "map"], "did you mean `ask`?"),
        ("xyzzy", {"map": 1, "ask": 2}, "there are ask, map"),
        ("xyzzy", ["ask", "ask"], "there is ask"),
        ("xyzzy", [], "there is none"),
        (
            "xyzzy",
            [f"w{n:03}" for n in range(1000)],
            f"there are {', '.join(f'w{n:03}' for n in range(20))} and 980 more",
        ),
    ],
)
def test_the_hint_is_one_name_or_all(name: str, known: list[str], expected: str) -> None:
    assert did_you_mean(name, known) == expected
