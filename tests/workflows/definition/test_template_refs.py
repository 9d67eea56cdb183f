from __future__ import annotations

from app.expressions.expression import Expression, TemplateValue
from app.source.problems import dotted
from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.spec import Workflow
from app.workflows.definition.template_refs import template_refs
from app.workflows.templates.prompts import Prompt

EVERYTHING = Workflow.model_validate(
    {
        "id": "w",
        "steps": {
            "r": {"kind": "retrieve", "query": "q", "when": "true"},
            "a": {"kind": "ask", "models": ["m"], "prompt": "p", "system": "s", "routing": [{"key": "'k'"}, {}]},
            "d": {"kind": "decide", "branches": [{"name": "x", "when": "true"}, {"name": "y"}]},
            "m": {"kind": "map", "over": "[1]", "step": {"kind": "transform", "value": "item", "when": "true"}},
            "c": {"kind": "connector", "connector": "c", "arguments": {"a": 1}, "fallback": {"value": None}},
            "w": {"kind": "workflow", "workflow": "v", "input": {"a": 1}},
            "t": {"kind": "wait", "until": "timestamp('2026-01-01T00:00:00Z')"},
        },
        "answer": "a",
    }
)


def test_that_every_piece_has_its_key_in_the_file() -> None:
    assert {dotted(piece.key): piece.language for piece in template_refs(EVERYTHING)} == {
        "steps.r.query": "template",
        "steps.r.when": "expression",
        "steps.a.prompt": "template",
        "steps.a.system": "template",
        "steps.a.routing.0.key": "expression",
        "steps.d.branches.0.when": "expression",
        "steps.m.over": "expression",
        "steps.m.step.value": "expression",
        "steps.m.step.when": "expression",
        "steps.c.arguments": "value",
        "steps.c.fallback.value": "value",
        "steps.w.input": "value",
        "steps.t.until": "expression",
    }


def test_that_only_what_is_in_a_map_is_inside() -> None:
    assert [dotted(piece.key) for piece in template_refs(EVERYTHING) if piece.inside] == [
        "steps.m.step.when",
        "steps.m.step.value",
    ]


def test_that_the_engine_compiles_the_same_pieces() -> None:
    for name, step in EVERYTHING.steps.items():
        part = CompiledStep(step, where="")
        own = [piece.language for piece in template_refs(EVERYTHING) if piece.step == name and not piece.inside]
        counts = (own.count("template"), own.count("expression"), own.count("value"))
        assert counts == (len(part.templates), len(part.expressions), len(part.values))


def test_that_pieces_are_compiled_in_their_language() -> None:
    kinds = {"template": Prompt, "expression": Expression, "value": TemplateValue}
    assert all(isinstance(piece.compiled(), kinds[piece.language]) for piece in template_refs(EVERYTHING))
