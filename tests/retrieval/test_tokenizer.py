from __future__ import annotations

import pytest

from app.retrieval.tokenizer import tokenize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("How do I set commit_interval?", ["how", "do", "i", "set", "commit", "interval"]),
        ("--without-web", ["without", "web"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ﬁle №5", ["file", "no5"]),
        ("Kafka設定", ["kafka", "設", "定"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected
