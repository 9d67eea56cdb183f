r"""Workflows written in Python: the same spec that YAML gives, with its checks.

flow = Flow("ticket", input=Ticket, deadline="2m")
search = flow.retrieve("search", query=f"{flow.input.question}")
answer = flow.ask("answer", models=["small", "large"], prompt=f"{flow.input.question}\\n{search.chunks}",
fusion=fusion("best-of-n", judge="large"))
flow.answer(answer)
print(to_yaml(flow.spec()))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from app.source.problems import Problem, problems_error
from app.source.syntax import Document
from app.source.writing import to_yaml as _to_yaml
from app.workflows.checks import Names, check
from app.workflows.definition.deployment import plain
from app.workflows.definition.durations import with_units
from app.workflows.definition.references import Ref, cel
from app.workflows.definition.spec import Workflow
from app.workflows.definition.validation import explain

#: A step as its YAML would say it.
Draft = dict[str, Any]
_EXPRESSIONS = frozenset({"when", "over", "until", "key"})


class Handle:
    """A step of a flow, and references to its outcome.

    They are `output`, `chunks`, `answer`, `status`, `error`, `failed`, `reason` and `tool_calls`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, field: str) -> Ref:
        if field.startswith("_"):
            raise AttributeError(field)
        return getattr(Ref(f"steps.{self.name}"), field)  # type: ignore[no-any-return]  # what a reference gives


class Flow:
    """A workflow being built. `input` and `output` are JSON Schemas, or pydantic models that describe them.

    Further settings are those of the YAML: `deadline`, `description`, `priority`, `concurrency`, `version`.
    """

    input, metadata, task, item, index = (Ref(name) for name in ("input", "metadata", "task", "item", "index"))

    def __init__(self, id: str, *, input: Any = None, output: Any = None, **settings: Any) -> None:  # noqa: A002  # as in the YAML
        schemas = {"input": _schema(input), "output": _schema(output)}
        self._head = {"id": id, **{name: one for name, one in schemas.items() if one}, **_plain(settings)}
        self._steps: dict[str, Draft] = {}
        self._answer: str | None = None

    def add(self, name: str, draft: Draft) -> Handle:
        """Add a step that one of the functions below has made.

        Raises:
            ValueError: there is a step of this name.
        """
        if name in self._steps:
            raise ValueError(f"there is a step called {name} already")
        self._steps[name] = draft
        return Handle(name)

    def retrieve(self, name: str, query: Any, **settings: Any) -> Handle:
        """Add a step that finds chunks."""
        return self.add(name, retrieve(query, **settings))

    def ask(self, name: str, models: list[str], prompt: Any, **settings: Any) -> Handle:
        """Add a step that asks models."""
        return self.add(name, ask(models, prompt, **settings))

    def connector(self, name: str, connector_name: str, arguments: Any = None, **settings: Any) -> Handle:
        """Add a step that calls a connector."""
        return self.add(name, connector(connector_name, arguments, **settings))

    def transform(self, name: str, value: Any, **settings: Any) -> Handle:
        """Add a step that computes something."""
        return self.add(name, transform(value, **settings))

    def workflow(self, name: str, workflow_id: str, input: Any = None, **settings: Any) -> Handle:  # noqa: A002  # as in the YAML
        """Add a step that runs another workflow."""
        return self.add(name, workflow(workflow_id, input, **settings))

    def wait(self, name: str, **settings: Any) -> Handle:
        """Add a step that waits: `seconds`, `until` or `signal`."""
        if "seconds" in settings:
            settings["for"] = settings.pop("seconds")
        return self.add(name, _draft("wait", **settings))

    def decide(self, name: str, *branches: Draft, **settings: Any) -> Handle:
        """Add a step that takes the first branch whose condition holds; see `branch`."""
        return self.add(name, _draft("decide", branches=list(branches), **settings))

    def map(self, name: str, over: Any, step: Draft, **settings: Any) -> Handle:
        """Add a step that runs `step`, which one of the functions below has made, for each item of `over`."""
        return self.add(name, _draft("map", over=over, step=step, **settings))

    def answer(self, step: Handle | str) -> None:
        """Make this step's output the run's answer."""
        self._answer = _name(step)

    def spec(self, names: Names | None = None) -> Workflow:
        """Return the workflow, checked as one from a file is.

        Raises:
            ConfigurationError: a line for each fault.
        """
        document = Document({**self._head, "steps": self._steps})
        if self._answer is not None:
            document.value["answer"] = self._answer
        try:
            spec = Workflow.model_validate(document.value)
        except ValidationError as error:
            raise problems_error(explain(error, document)) from None
        faults = [Problem("", one.key, one.text) for one in check(spec, names) if not one.warning]
        if faults:
            raise problems_error(faults)
        return spec


def retrieve(query: Any, **settings: Any) -> Draft:
    """Return a step that finds chunks for `query`, a template or a reference."""
    return _draft("retrieve", query=str(query), **settings)


def ask(models: list[str], prompt: Any, **settings: Any) -> Draft:
    """Return a step that asks `models`; `schema` can be a pydantic model, and `images` a reference; see `tool`."""
    if "schema" in settings:
        settings["schema"] = _schema(settings["schema"])
    if "system" in settings:
        settings["system"] = str(settings["system"])
    if "images" in settings:
        settings["images"] = _values(settings["images"])
    return _draft("ask", models=list(models), prompt=str(prompt), **settings)


def tool(name: str, description: str = "", parameters: Any = None) -> Draft:
    """Return a function that models may ask to be called; `parameters` is a JSON Schema, or a pydantic model."""
    schema = _schema(parameters)
    return {"name": name, "description": description, **({} if schema is None else {"parameters": schema})}


def connector(name: str, arguments: Any = None, **settings: Any) -> Draft:
    """Return a step that calls the connector `name` with `arguments`."""
    return _draft("connector", connector=name, arguments=_values(arguments or {}), **settings)


def transform(value: Any, **settings: Any) -> Draft:
    """Return a step that computes `value`: a text is CEL, anything else becomes it."""
    return _draft("transform", value=value if isinstance(value, str) else cel(value), **settings)


def workflow(name: str, input: Any = None, **settings: Any) -> Draft:  # noqa: A002  # as in the YAML
    """Return a step that runs the workflow `name`."""
    return _draft("workflow", workflow=name, input=_values(input or {}), **settings)


def branch(name: str, *, when: Any = None, steps: tuple[Handle | str, ...] | list[Handle | str] = ()) -> Draft:
    """Return one branch of a decision; `steps` can be names of steps that are added later."""
    return {"name": name, **({} if when is None else _plain({"when": when})), "steps": [_name(step) for step in steps]}


def fusion(strategy: str, **options: Any) -> Draft:
    """Return how candidates are fused."""
    return {"strategy": strategy, **_plain(options)}


def routing(policy: str, **options: Any) -> Draft:
    """Return how models are chosen."""
    return {"policy": policy, **_plain(options)}


def to_yaml(spec: Workflow) -> str:
    """Return a workflow as the YAML that loads to it, without defaults."""
    written = plain(spec, spec.version)
    if "version" not in spec.model_fields_set:
        del written["version"]
    return _to_yaml(with_units(written))


def _draft(kind: str, **settings: Any) -> Draft:
    return {"kind": kind, **_plain(settings)}


def _plain(settings: Mapping[str, Any]) -> Draft:
    return {name: _setting(name, value) for name, value in settings.items()}


def _setting(name: str, value: Any) -> Any:
    if name in _EXPRESSIONS:
        return value if isinstance(value, str) else cel(value)
    if name == "after":
        return [_name(step) for step in (value if isinstance(value, list | tuple) else [value])]
    if name == "fallback":
        return {"step": value.name} if isinstance(value, Handle) else {"value": _values(value)}
    return _plain(value) if name == "concurrency" else value


def _values(value: Any) -> Any:
    """Return JSON with `${{ … }}` for every reference in it."""
    if isinstance(value, Ref):
        return f"${{{{ {cel(value)} }}}}"
    if isinstance(value, Mapping):
        return {name: _values(inner) for name, inner in value.items()}
    return [_values(inner) for inner in value] if isinstance(value, list | tuple) else value


def _schema(given: Any) -> dict[str, Any] | None:
    if isinstance(given, type) and issubclass(given, BaseModel):
        return given.model_json_schema()
    return None if given is None else dict(given)


def _name(step: Handle | str) -> str:
    return step if isinstance(step, str) else step.name
