"""A model that writes one answer from several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from app.fusion.base import Call, Panel
from app.fusion.delimiters import Delimiter
from app.json_text import parse
from app.schemas import Schema

SYSTEM = (
    "You are given a task, and then what others answered to it. {rule} Answers may be wrong, partial or biased, even "
    "when they agree: weigh them, and trust none for its confidence."
)
PROMPT = """\
{question}

{answers}

Write the best answer to the task above them: keep what is right, fix what is wrong, add what is missing. Do not \
mention the other answers. Write nothing but the answer."""
JSON_ONLY = "The answer is one JSON document of this JSON Schema, and nothing else: {schema}"


@dataclass(frozen=True, slots=True)
class Writer:
    """A model, and how it generates."""

    model: str
    temperature: float | None = None
    max_tokens: int | None = None

    def call(self, panel: Panel, label: str, answers: Sequence[str]) -> Call:
        """Return the call that makes one answer of `answers`, best first, without their authors."""
        fence = Delimiter(panel, answers)
        parts = [fence.around(f"ANSWER {number}", answer) for number, answer in enumerate(answers, start=1)]
        # The task is not delimited: unlike the answers, it is an instruction.
        prompt = PROMPT.format(question=panel.prompt, answers="\n\n".join(parts))
        if panel.schema is not None:
            prompt += "\n" + JSON_ONLY.format(schema=json.dumps(panel.schema, ensure_ascii=False, sort_keys=True))
        system = "\n\n".join(part for part in (panel.system, SYSTEM.format(rule=fence.rule())) if part)
        return Call(label, self.model, prompt, system, self.temperature, self.max_tokens)


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote; `data` is the same as JSON, where JSON was asked for."""

    text: str
    data: JsonValue = None


def written(panel: Panel, label: str) -> Written | None:
    """Return the reply to the call `label`; None when it failed, is empty, or is not JSON of the panel's schema."""
    text = (panel.replies.get(label) or "").strip()
    if panel.schema is None or not text:
        return Written(text) if text else None
    return _document(text, panel.schema)


def _document(text: str, schema: Mapping[str, JsonValue]) -> Written | None:
    try:
        data = parse(text)
    except ValueError:
        return None
    return None if Schema(schema, where="schema").complaint(data) else Written(text, data)
