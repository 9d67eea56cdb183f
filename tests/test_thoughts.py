from __future__ import annotations

import pytest

from app.thoughts import after_thoughts, without_thoughts


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>Hm.</think>Paris", "Paris"),
        ("\n<thinking>Hm.</thinking>\n<think></think> Paris", " Paris"),
        ("[THINK]Hm.[/THINK]Paris", "Paris"),
        ("<thought>Hm. </think> </thought>Paris", "Paris"),
        ("<reasoning>Hm.", ""),
        ("Paris <think>or not</think>", "Paris <think>or not</think>"),
        ("", ""),
    ],
)
def test_thoughts_at_the_beginning_are_left_out(text: str, rest: str) -> None:
    assert without_thoughts(text) == rest


@pytest.mark.parametrize(
    ("text", "rest"),
    [("Hm.</think>Paris", "Paris"), ("<think>a</think>b[THINK]c[/THINK]d", "d"), ("Paris", "Paris"), ("", "")],
)
def test_what_follows_the_last_thoughts_is_found(text: str, rest: str) -> None:
    assert after_thoughts(text) == rest
