"""What a deployment changes: the workflows in files, compared with those that are deployed.

A deployed version never changes. So content that is new gets a new version, and content that was deployed
before activates its old version. Content is what the author wrote: a default that is written out, the order of keys
and the version's number make no difference.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, JsonValue

from app.errors import ConfigurationError
from app.source.writing import to_yaml
from app.workflows.definition.durations import with_units
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import Spec

#: A workflow as plain JSON.
Plain = dict[str, JsonValue]
Kind = Literal["new", "version", "activate", "unchanged"]


class Version(NamedTuple):
    """A version's number, and the digest of its content."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one workflow.

    Its first version is deployed (`new`), or a further one (`version`), or one that is deployed becomes active
    (`activate`), or nothing changes (`unchanged`). `before` is the version that was active, `after` the one
    that is to be, with its `spec`. `diff` is the unified diff between the two as YAML; without a `before` it
    is empty.
    """

    kind: Kind
    workflow: str
    before: Version | None
    after: Version
    spec: Plain
    diff: str = ""


def plan(
    specs: Iterable[Workflow], deployed: Mapping[tuple[str, int], Plain], active: Mapping[str, int]
) -> list[Change]:
    """Return the change of each of `specs`.

    `deployed` has the spec of each id and version, `active` the version that new runs of each workflow take.

    Raises:
        ConfigurationError: a version is deployed with other content, or a workflow is there twice; a line for each.
    """
    specs = list(specs)
    counts = Counter(spec.id for spec in specs)
    faults = [f"{name}: {count} files define it; keep one" for name, count in counts.items() if count > 1]
    changes = []
    for spec in specs:
        try:
            changes.append(_change(spec, _versions(spec.id, deployed), active.get(spec.id)))
        except ConfigurationError as fault:
            faults.append(str(fault))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return changes


def activation(workflow: str, version: int, deployed: Mapping[tuple[str, int], Plain], active: int | None) -> Change:
    """Return the change that makes a deployed version the active one.

    Raises:
        ConfigurationError: that version is not deployed.
    """
    versions = _versions(workflow, deployed)
    if version not in versions:
        there = ", ".join(map(str, versions)) or "none"
        raise ConfigurationError(f"{workflow}: unknown version {version}; deployed versions: {there}")
    return _build(workflow, version, versions[version], versions, active)


def plain(spec: Workflow, version: int) -> Plain:
    """Return the workflow as plain JSON in the order of its fields, without defaults."""
    written = _without_version(_plain(spec))
    return {"id": spec.id, "version": version, **{name: value for name, value in written.items() if name != "id"}}


def digest(spec: Plain) -> str:
    """Return the SHA-256 of the content, in hexadecimal."""
    text = json.dumps(_without_version(spec), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _change(spec: Workflow, versions: Mapping[int, Plain], active: int | None) -> Change:
    content = plain(spec, spec.version)
    version = spec.version if "version" in spec.model_fields_set else _version_for(content, versions, active)
    if version in versions and digest(versions[version]) != digest(content):
        raise ConfigurationError(
            f"{spec.id}: version {version} is deployed with other content, and versions never change; "
            f"leave `version` out, or set it to {max(versions) + 1}"
        )
    return _build(spec.id, version, {**content, "version": version}, versions, active)


def _version_for(content: Plain, versions: Mapping[int, Plain], active: int | None) -> int:
    """Return the version that has this content already, the active one first, or else the next number."""
    equal = [version for version, spec in versions.items() if digest(spec) == digest(content)]
    if active in equal:
        return active
    return max(equal, default=max(versions, default=0) + 1)


def _build(workflow: str, version: int, spec: Plain, versions: Mapping[int, Plain], active: int | None) -> Change:
    old = None if active is None else versions.get(active)
    before = None if active is None else Version(active, digest(old) if old else "")
    kind = _kind(version, versions, active)
    diff = _diff(old, spec) if old and kind != "unchanged" else ""
    return Change(kind, workflow, before, Version(version, digest(spec)), spec, diff)


def _kind(version: int, versions: Mapping[int, Plain], active: int | None) -> Kind:
    if version in versions:
        return "unchanged" if version == active else "activate"
    return "version" if versions else "new"


def _diff(old: Plain, new: Plain) -> str:
    before, after = (to_yaml(with_units(_without_version(spec))).splitlines() for spec in (old, new))
    old_name, new_name = (f"{spec['id']} version {spec['version']}" for spec in (old, new))
    return "\n".join(difflib.unified_diff(before, after, old_name, new_name, lineterm=""))


def _versions(workflow: str, deployed: Mapping[tuple[str, int], Plain]) -> dict[int, Plain]:
    return {version: spec for (name, version), spec in sorted(deployed.items()) if name == workflow}


def _without_version(spec: Plain) -> Plain:
    return {name: value for name, value in spec.items() if name != "version"}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _fields(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _fields(model: BaseModel) -> dict[str, Any]:
    found = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        # A null that was written can mean something, as the value of a fallback does.
        default = model.default_of(name) if isinstance(model, Spec) else field.get_default(call_default_factory=True)
        if name in model.model_fields_set and (value is None or value != default):
            found[field.alias or name] = _plain(value)
    return {**found, **{name: _plain(value) for name, value in (model.model_extra or {}).items()}}
