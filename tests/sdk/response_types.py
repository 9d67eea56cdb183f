"""The types of what the gateway answers, as the source of `meta_ai_orchestrator/types.py`.

`python -m tests.sdk.response_types` writes them; `tests/sdk/test_types.py` fails while they are not the gateway's.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from tests.gateway.compatibility import current
from topics.result_chunks import ResultChunk

FILE = Path(__file__).parents[2] / "sdk" / "python" / "meta_ai_orchestrator" / "types.py"
#: The APIs of providers have SDKs of their own.
_FOREIGN = ("/v1/files", "/v1/batches", "/v1/chat/", "/v1/messages", "/v1/responses", "/v1/embeddings")
#: Fields that must not be shown by chance.
_SECRET = {"ShownKey": {"key"}}
_PAGE = {"data", "next", "object"}
_HEAD = '''"""What the gateway answers, and what is on topics, as typed objects that also read as mappings.

Written by `python -m tests.sdk.response_types` from the models of the gateway.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from meta_ai_orchestrator._client.model import EMPTY, Model
'''
_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


class TaskOutcome(BaseModel):
    """What became of one task of a batch: it was accepted, and has an id, or it was refused, and has a problem.

    `line` counts the tasks from 1.
    """

    line: int
    status: str
    id: str | None = None
    result: str | None = None
    problem: dict[str, JsonValue] | None = None


def source() -> str:
    """Return the module."""
    document = current()
    schemas = document["components"]["schemas"] | _extra()
    names = _reachable(document, schemas) | _extra().keys()
    classes = [_class(name, schemas[name]) for name in sorted(names) if name != "JsonValue"]
    exported = "".join(f'    "{name}",\n' for name in sorted(names) if name != "JsonValue")
    return _formatted("\n\n".join([f"{_HEAD}\n__all__ = [\n{exported}]", *classes]))


def _extra() -> dict[str, Any]:
    """Return the schemas of what the document has no words for: events, and lines."""
    found: dict[str, Any] = {}
    for model in (ResultChunk, TaskOutcome):
        schema = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        found[model.__name__] = schema
    return found


def _reachable(document: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    seen: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, list):
            for one in part:
                walk(one)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                walk(schemas[name])
            walk(list(part.values()))

    for path, methods in document["paths"].items():
        if not path.startswith(_FOREIGN):
            for operation in methods.values():
                walk([one for status, one in operation["responses"].items() if status[0] == "2"])
    # Clients hand out the rows of a page, and hide the page.
    return {name for name in seen if not schemas[name].get("properties", {}).keys() <= _PAGE or name == "JsonValue"}


def _class(name: str, schema: Mapping[str, Any]) -> str:
    fields = list(_fields(schema))
    secret = f"    _secret = frozenset({sorted(_SECRET[name])!r})\n\n" if name in _SECRET else ""
    text = schema.get("description", name).strip().replace("\n", "\n    ")
    text = re.sub(r" +\n", "\n", text) + ("\n    " if "\n" in text else "")
    return f'class {name}(Model):\n    """{text}"""\n\n{secret}' + "\n".join(fields)


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        yield f"    {name}: {_annotation(field)}" + ("" if name in required else f" = {_default(field)}")


def _annotation(field: Mapping[str, Any]) -> str:  # noqa: PLR0911  # one for each form
    match field:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return "Any" if name == "JsonValue" else name
        case {"anyOf": forms}:
            kinds = [_annotation(one) for one in forms]
            # Of a choice between several forms, a reader sees which it is.
            plain = [kind for kind in kinds if kind != "None"]
            return " | ".join([plain[0] if len(plain) == 1 else "Any", *(["None"] if "None" in kinds else [])])
        case {"enum": values}:
            return f"Literal[{', '.join(map(repr, values))}]"
        case {"const": value}:
            return f"Literal[{value!r}]"
        case {"type": "array"}:
            return f"list[{_annotation(field.get('items', field.get('prefixItems', [{}])[0]))}]"
        case {"type": "object"}:
            return f"dict[str, {_annotation(field['additionalProperties'])}]"
        case {"type": "string", "format": "date-time"}:
            return "datetime"
        case {"type": str() as kind}:
            return _SIMPLE[kind]
        case _:
            return "Any"


def _default(field: Mapping[str, Any]) -> str:
    is_object = field.get("type") in {"array", "object"} or ("$ref" in field and "JsonValue" not in field["$ref"])
    return "EMPTY" if is_object else repr(field.get("default"))


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603  # ruff


if __name__ == "__main__":
    FILE.write_text(source(), encoding="utf-8")
