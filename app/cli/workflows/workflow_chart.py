"""A workflow as a Mermaid flowchart: its steps, and what each waits for."""

from __future__ import annotations

from collections.abc import Iterator

from app.cli.runs.flowchart import escape
from app.workflows.definition.graph import last, needs, stand_ins, targets
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import AskStep, MapStep, Step

_STYLES = {
    "answer": "fill:#fff6d6,stroke:#b28704,color:#4a3800,stroke-width:2px",
    "spare": "fill:#eeeeee,stroke:#9e9e9e,color:#424242,stroke-dasharray:4 3",
}


def workflow_flowchart(spec: Workflow) -> str:
    """Return the Mermaid source of a flowchart.

    An arrow leads from a step to one that waits for it, labelled with the branch if a decision leads there; a dashed
    arrow leads to the step that takes over when a step fails.
    """
    return "\n".join(("flowchart TD", *(f"  {line}" for line in _lines(spec)), ""))


def _lines(spec: Workflow) -> Iterator[str]:
    waits, spare, decided = needs(spec), stand_ins(spec), targets(spec)
    answer = spec.answer or last(spec, waits)[0]
    ids = {name: f"s{number}" for number, name in enumerate(spec.steps)}
    for name, step in spec.steps.items():
        style = ":::answer" if name == answer else ":::spare" if name in spare else ""
        yield f"{ids[name]}{_shape(name, step)}{style}"
    for name, others in waits.items():
        branches = dict(decided.get(name, ()))
        for other in sorted(others, key=list(spec.steps).index):
            yield f"{ids[other]} -->{_edge(branches.get(other))} {ids[name]}"
    for name, others in spare.items():
        yield from (f"{ids[other]} -. fails .-> {ids[name]}" for other in sorted(others))
    yield from (f"classDef {name} {style}" for name, style in _STYLES.items())


def _shape(name: str, step: Step) -> str:
    kind = str(getattr(step, "kind", ""))
    facts = [kind, *_facts(step), "optional" if step.optional else ""]
    label = "<br/>".join((escape(name), escape(", ".join(filter(None, facts)))))
    return f'{{"{label}"}}' if kind == "decide" else f'["{label}"]'


def _facts(step: Step) -> Iterator[str]:
    if isinstance(step, MapStep):
        yield f"each: {step.step.kind}"
        yield from _facts(step.step)
    if isinstance(step, AskStep):
        yield f"{len(step.models) * step.samples} answers" if len(step.models) * step.samples > 1 else step.models[0]
        yield step.fusion.strategy if len(step.models) * step.samples > 1 else ""


def _edge(branch: str | None) -> str:
    return f'|"{escape(branch)}"|' if branch else ""
