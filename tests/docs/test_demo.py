from __future__ import annotations

import json

import pytest

from tests.docs.pages import ROOT, text

#: For each question of the demo, the page that answers it and what the answer cannot do without.
ANSWERS = {
    "demo-offsets": ("docs/delivery.md", "offset is committed only after everything that it caused is acknowledged"),
    "demo-garbage": ("docs/dead-letters.md", "an event that cannot be parsed"),
    "demo-twice": ("docs/delivery.md", "A doer recognises a request that has been answered, and does not do it again"),
    "demo-agents": ("docs/architecture.md", "**Stateful agents** own the state of runs"),
    "demo-broker": ("docs/operations.md", "By default the embedded broker is used. It keeps everything in memory"),
    "demo-replay": ("docs/dead-letters.md", "A dead letter is replayed with the command `meta-ai dead-letters replay`"),
}


def questions() -> list[str]:
    lines = (ROOT / "examples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["id"] for line in lines if line.strip()]


@pytest.mark.parametrize("question", questions())
def test_the_pages_answer_what_the_demo_asks(question: str) -> None:
    page, answer = ANSWERS[question]
    assert answer in " ".join(text(page).split())
