"""Clients in other languages, from `examples/clients/`, against an orchestrator on a fixed port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.brokers import distribution
from app.brokers.ports import free_port
from tests.e2e.commands import PATIENCE, ROOT, Cli, environment

PARTITIONS = 8
_CONFIG = """\
app_id: clients
broker: {kind: KIND, port: PORT}
models: {one: {provider: scripted, options: {default: "Ada wrote it."}}}
ask: {models: [one]}
retrieval: {embedder: hashing}
server: {port: 0}
"""


@dataclass
class Place:
    """A running orchestrator, a folder with the examples in it, and how many tasks have been sent so far."""

    kind: str
    servers: str
    folder: Path
    sent: int = 0

    def run(self, *command: str, text: str = "") -> str:
        """Run a command in the folder and return what it prints; it must succeed."""
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(  # noqa: S603  # our own examples
            command,
            cwd=self.folder,
            env={**environment(), "PATH": path},
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def hosted(kind: str, folder: Path) -> Iterator[Place]:
    """Have an orchestrator run on a broker of that kind, in a folder with a copy of the examples."""
    port = free_port()
    config = _CONFIG.replace("KIND", kind).replace("PORT", str(port))
    (folder / "meta-ai.yaml").write_text(config, encoding="utf-8")
    source = ROOT / "examples" / "clients"
    shutil.copytree(source, folder / "examples" / "clients", ignore=shutil.ignore_patterns("node_modules"))
    with Cli(folder).hosted():
        yield Place(kind, f"127.0.0.1:{port}", folder)


def python(place: Place) -> list[str]:  # noqa: ARG001  # as the others
    """Return the command of the example with aiokafka."""
    return ["python", "examples/clients/client.py"]


def kcat(place: Place) -> list[str]:
    """Return the command of the example with kcat, or skip."""
    need("kcat")
    if place.kind == "embedded":
        pytest.skip("kcat with librdkafka 2.0.2, as Debian 12 has it, cannot talk to the embedded broker")
    return ["sh", "examples/clients/client.sh"]


def kafkajs(place: Place) -> list[str]:
    """Return the command of the example with kafkajs, which is installed at first, or skip."""
    need("node", "npm")
    if not (place.folder / "examples/clients/node_modules").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "examples/clients"]
        done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            pytest.skip(f"npm could not install kafkajs: {done.stderr[-200:]}")
    return ["node", "examples/clients/client.mjs"]


def java(place: Place) -> list[str]:  # noqa: ARG001  # as the others
    """Return the command of the example with Apache Kafka's own client, or skip."""
    need("java", "javac")
    return ["java", "-cp", f"{distribution.kafka_home()}/*", "examples/clients/Client.java"]


def need(*tools: str) -> None:
    """Skip the test where one of these programs is not installed."""
    if absent := [tool for tool in tools if not shutil.which(tool)]:
        pytest.skip(f"not installed here: {', '.join(absent)}")
