"""A class archive of Kafka, loaded and linked in an earlier run, which speeds up every later start.

It is the JVM's AOT cache (JEP 483 and 514), so it is tied to one build of Java and to the jars. Making it takes
seconds, once; if that fails, Kafka still starts, only more slowly.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

from app.brokers import node
from app.brokers.base import Connection
from app.brokers.data_dir import DataDir
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.process import BrokerProcess
from app.errors import BrokerError

log = logging.getLogger(__name__)

_TRAINING_SECONDS = 60.0


def class_archive(java: Path, home: Path) -> Path | None:
    """Return the archive; if it does not exist, run a broker once to make it. Blocks."""
    release = java.parent.parent / "release"
    build = next((line for line in _lines(release) if line.startswith("JAVA_RUNTIME_VERSION=")), "unknown")
    found = home / f"classes-{build.partition('=')[2].strip(chr(34)) or 'unknown'}.aot"
    if not found.exists():
        try:
            asyncio.run(_create_archive(java, home, found))
        except (BrokerError, OSError) as error:
            log.warning("Kafka starts more slowly, since its class archive could not be made: %s", error)
            return None
    return found


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


async def _create_archive(java: Path, home: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home, prefix=".training-") as name:
        draft = Path(name, target.name)
        child = await _run_once(node.Jvm(java, home, options=[f"-XX:AOTCacheOutput={draft}"]), DataDir(Path(name)))
        _publish(draft, target, child)


async def _run_once(jvm: node.Jvm, data: DataDir) -> BrokerProcess:
    port = free_port()
    settings = node.properties(data.log, port, free_port())
    node.format_log(jvm, data, settings)
    node.write(data.properties, settings)
    child = BrokerProcess(jvm.kafka(data.properties), data.output)
    await child.answers(Connection(f"{LOOPBACK}:{port}"), seconds=_TRAINING_SECONDS)
    # The JVM writes the archive when it exits.
    await child.stop(_TRAINING_SECONDS)
    return child


def _publish(draft: Path, target: Path, child: BrokerProcess) -> None:
    if not draft.exists():
        raise BrokerError(f"Java wrote no class archive:\n{child.last_words()}")
    draft.rename(target)
