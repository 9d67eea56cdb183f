"""The command line as a real process, in a folder of its own, with the orchestrator that it talks to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "meta_ai_orchestrator")
PATIENCE = 60


def environment() -> dict[str, str]:
    """Return this process's environment without what would configure the commands."""
    ours = {"META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS", "ORCHESTRATOR_PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHONPATH": str(ROOT / "sdk" / "python"), "ORCHESTRATOR_GATEWAY_PORT": "0"}


class Cli:
    """Runs commands in one folder, each with `options` at its end; `command` is `meta-ai`, of the checkout or not."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        command: Sequence[str] = COMMAND,
        environ: Callable[[], Mapping[str, str]] = environment,
    ) -> None:
        self.folder = folder
        self._options = options
        self._command = command
        self._environ = environ

    def __call__(self, *arguments: str, exit_code: int = 0, text: str = "") -> str:
        done = subprocess.run(  # noqa: S603  # our own command
            [*self._command, *arguments, *self._options],
            cwd=self.folder,
            env=self._environ(),
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def objects(self, *arguments: str, exit_code: int = 0, text: str = "") -> list[Any]:
        """Return what a command says to programs."""
        lines = self(*arguments, "--json", exit_code=exit_code, text=text).split("\n")
        return [json.loads(line) for line in lines if line.startswith("{")]

    def start(self) -> subprocess.Popen[str]:
        """Start the orchestrator."""
        return subprocess.Popen(  # noqa: S603  # our own command
            [*self._command, "orchestrator", "run", "--json", *self._options],
            cwd=self.folder,
            env=self._environ(),
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def hosted(self) -> Iterator[dict[str, Any]]:
        """Have the orchestrator run meanwhile, and see it end well at SIGTERM; yield what it has said of itself."""
        process = self.start()
        try:
            yield until_ready(process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def until_ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the orchestrator has said once it is ready."""
    assert process.stdout
    said: dict[str, Any] = {}
    for line in process.stdout:
        said |= json.loads(line)
        if said.get("ready"):
            return said
    pytest.fail(f"it ended with {process.wait()} instead of becoming ready")
