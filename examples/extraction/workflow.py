"""The workflow of `workflows/extraction.yaml`, written in Python: it prints the same as YAML.

python workflow.py > extraction.yaml
"""  # noqa: INP001  # a script, no package

from __future__ import annotations

import sys
from typing import Any

from meta_ai_orchestrator.workflows import Flow, Workflow, fusion, to_yaml

MODELS = ["ida", "jon", "kim"]
TEXT = {"type": "string"}
INVOICE: dict[str, Any] = {
    "type": "object",
    "required": ["number", "supplier", "date", "total", "currency"],
    "additionalProperties": False,
    "properties": {
        "number": TEXT,
        "supplier": TEXT,
        "date": {**TEXT, "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "total": {"type": "number"},
        "currency": {**TEXT, "pattern": "^[A-Z]{3}$"},
    },
}


def extraction() -> Workflow:
    """Return the workflow, checked as a file would be."""
    flow = Flow(
        "extraction",
        description="Reads an invoice into JSON.",
        deadline="60s",
        input={"type": "object", "required": ["text"], "properties": {"text": {**TEXT, "minLength": 1}}},
        output={
            "type": "object",
            "required": ["number", "total"],
            "properties": {"total": {"type": "number", "exclusiveMinimum": 0}},
        },
    )
    flow.ask(
        "read",
        MODELS,
        "Read this invoice. Amounts are numbers, dates are like 2026-11-24, a currency is its code.\n\n"
        f"{flow.input.text}\n",
        schema=INVOICE,
        repairs=2,
        fusion=fusion("json-merge", quorum=2),
    )
    return flow.spec()


if __name__ == "__main__":
    sys.stdout.write(to_yaml(extraction()))
