"""The cases of `sdk/cases`, and the server that plays the gateway in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meta_ai_orchestrator import MetaAIError
from meta_ai_orchestrator.types import Result, ResultChunk

FOLDER = Path(__file__).parents[2] / "sdk" / "cases"
CASES: Mapping[str, dict[str, Any]] = {
    f"{path.stem}/{case['name']}": case
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
}


@contextmanager
def case_server() -> Iterator[str]:
    """Yield the address of the server."""
    command = [sys.executable, str(FOLDER / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # ours
        assert server.stdin
        assert server.stdout
        yield server.stdout.readline().strip()
        server.stdin.close()  # which ends it


def options_of(case: Mapping[str, Any], address: str, name: str, run: str) -> dict[str, Any]:
    """Return the options of a client for a run of a case."""
    return {"api_key": "test-key", "base_url": f"{address}/{name}/{run}/v1", **case.get("options", {})}


def item(value: Any) -> Any:
    """Return an item of a list or a stream as the cases write it."""
    match value:
        case Result():
            return {"result": value}
        case ResultChunk():
            return {"piece": value}
        case _:
            return value


def outcome_of_error(error: MetaAIError) -> dict[str, Any]:
    """Return an error as the cases write it."""
    assert "test-key" not in f"{error!r} {error} {error.__cause__!r} {vars(error)}"
    return {"type": type(error).__name__, **vars(error)}


def differences(expected: Any, found: Any, where: str = "outcome") -> list[str]:
    """Return where an outcome is not as expected; an object may have more than is expected."""
    match expected:
        case dict() if isinstance(found, Mapping):
            return [
                text for name in expected for text in differences(expected[name], found.get(name), f"{where}.{name}")
            ]
        case list() if isinstance(found, list) and len(found) == len(expected):
            pairs = enumerate(zip(expected, found, strict=True))
            return [text for number, pair in pairs for text in differences(*pair, f"{where}.{number}")]
        case _:
            return [] if expected == found else [f"{where}: {found!r} instead of {expected!r}"]
