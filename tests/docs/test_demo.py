from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.demo.commands import PAGES
from tests.docs.pages import ROOT, text

#: For each question of the demo, the page that answers it and what the answer cannot do without.
ANSWERS = {
    "demo-offsets": ("docs/delivery.md", "offset is committed only after everything that it caused is acknowledged"),
    "demo-garbage": ("docs/dead-letters.md", "an event that cannot be parsed is not lost"),
    "demo-replay": ("docs/dead-letters.md", "A dead letter is replayed with the command `meta-ai dead-letters replay`"),
    "demo-ingest": ("docs/retrieval.md", "The agent `ingest` cuts and embeds each of them once"),
    "demo-known": ("docs/delivery.md", "A task with a known id and other content is not a repetition"),
    "demo-broker": ("docs/getting-started.md", "The embedded broker forgets everything when it stops"),
}


def questions() -> list[str]:
    lines = (ROOT / "examples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["id"] for line in lines if line.strip()]


@pytest.mark.parametrize("question", questions())
def test_the_pages_answer_what_the_demo_asks(question: str) -> None:
    page, answer = ANSWERS[question]
    assert Path(page) in PAGES  # no other page is there to be found
    assert answer in " ".join(text(page).split())
