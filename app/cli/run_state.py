"""`.meta-ai/run.json`: where commands find a running orchestrator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

_FILE = Path(".meta-ai") / "run.json"


class RunState(BaseModel):
    """How to reach the orchestrator that process `pid` runs; `http` is the host:port of its health pages."""

    model_config = ConfigDict(frozen=True)

    bootstrap_servers: str
    pid: int
    http: str
    app_id: str
    prefix: str = ""


def path_for(config: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the path of the state: beside the configuration, or in the working directory without one."""
    named = config or (Path(environ["META_AI_CONFIG"]) if environ.get("META_AI_CONFIG") else None)
    return (named.parent if named else Path()) / _FILE


def read(path: Path) -> RunState | None:
    """Return the state; None if no orchestrator runs, or the process that wrote it has died."""
    try:
        state = RunState.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return state if _alive(state.pid) else None


@contextmanager
def published(path: Path, state: RunState) -> Iterator[None]:
    """Publish the state while the context lasts; a state that another process has written meanwhile is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{state.pid}")
    draft.write_text(state.model_dump_json() + "\n", encoding="utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        _remove(path, state)


def _remove(path: Path, state: RunState) -> None:
    with suppress(OSError, ValidationError):
        if RunState.model_validate_json(path.read_bytes()) == state:
            path.unlink()
            path.parent.rmdir()  # only if it is empty


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, os.kill would end the process instead of testing it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
