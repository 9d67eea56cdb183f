"""`.meta-ai/run.json`: where commands find a running orchestrator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import ConfigurationError

_FILE = Path(".meta-ai") / "run.json"


class FolderTaken(ConfigurationError):
    """Another orchestrator runs in this folder."""


class RunState(BaseModel):
    """How to reach the orchestrator that process `pid` runs: host:port of its health pages, and of its gateway."""

    model_config = ConfigDict(frozen=True)

    bootstrap_servers: str
    pid: int
    http: str
    app_id: str
    prefix: str = ""
    gateway: str = ""


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
def claimed(path: Path) -> Iterator[None]:
    """Keep other orchestrators out of the folder of `path` while the context lasts, however this process ends.

    Raises:
        FolderTaken: one runs there already.
        ConfigurationError: the folder cannot be written.
    """
    lock = path.with_suffix(".lock")
    try:
        held = _lock(lock)
    except BlockingIOError:
        raise FolderTaken(_taken(path)) from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {lock}: {error.strerror}; make its folder writable") from None
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
            lock.parent.rmdir()  # only if it is empty
        os.close(held)


def _lock(file: Path) -> int:
    """Return the open and locked file; the lock ends with the process, even if it is killed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _flock(opened)
            with suppress(FileNotFoundError):  # whoever held it before has just removed it
                if os.path.samestat(os.fstat(opened), file.stat()):
                    return opened
        except BaseException:
            os.close(opened)
            raise
        os.close(opened)


def _flock(opened: int) -> None:
    with suppress(ImportError):  # some systems have none
        import fcntl  # noqa: PLC0415  # likewise

        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken(path: Path) -> str:
    state = read(path)
    who = f"process {state.pid}, with its broker at {state.bootstrap_servers}" if state else "it is just starting"
    return (
        f"an orchestrator already runs in {path.parent.parent.absolute()} ({who}); "
        "stop it first, or start this one in another folder"
    )


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
