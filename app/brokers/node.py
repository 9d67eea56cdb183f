"""Configure, format and run one Kafka node on this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.brokers.data_dir import DataDir
from app.brokers.ports import LOOPBACK
from app.errors import BrokerError

# The largest event, 16 MiB by default, with what a dead letter adds, and the overhead of a batch.
_MAX_BYTES = str(20 * 1024 * 1024)


@dataclass(frozen=True)
class Jvm:
    """A Java with Kafka's jars; `cached` is their class archive, which halves the start time."""

    java: Path
    home: Path
    cached: Path | None = None
    options: Sequence[str] = ()

    def kafka(self, properties: Path) -> list[str]:
        """Return the command of the broker."""
        return [*self._command("-Xmx512m", *self.options), "kafka.Kafka", str(properties)]

    def storage_tool(self, *arguments: str) -> list[str]:
        """Return a command of Kafka's storage tool."""
        return [*self._command("-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", *arguments]

    def _command(self, *options: str) -> list[str]:
        # One collector thread is enough for this heap, and leaves the cores to the models. The JVM's own
        # warnings about classes that it cannot link early are of no use here.
        flags = ["-XX:+UseSerialGC", "-Xlog:disable", "-Xlog:all=error:stderr"]
        if self.cached:
            flags.append(f"-XX:AOTCache={self.cached}")
        jars = os.pathsep.join(sorted(str(jar) for jar in self.home.glob("*.jar")))
        return [str(self.java), *flags, *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars]


def properties(log: Path, port: int, controller_port: int) -> dict[str, str]:
    """Return Kafka's configuration: one node that is broker and controller, listening on loopback only."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log),
        "auto.create.topics.enable": "false",
        "message.max.bytes": _MAX_BYTES,
        "replica.fetch.max.bytes": _MAX_BYTES,
        "replica.fetch.response.max.bytes": _MAX_BYTES,
        # Only closed segments are compacted: at the default of 1 GB a small log never would be.
        "log.segment.bytes": str(128 * 1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
        # The first member of a group need not wait for others.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After a crash the node waits until its former session has expired: 9 s by default.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "400",
        # A record twice a second, by which other controllers would see that this one is there.
        "metadata.max.idle.interval.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
    }


def write(file: Path, settings: Mapping[str, str]) -> None:
    """Write the configuration as a Java properties file."""
    escaped = {name: value.replace("\\", "\\\\") for name, value in settings.items()}
    file.write_text("".join(f"{name}={value}\n" for name, value in escaped.items()), encoding="utf-8")


def format_log(jvm: Jvm, data: DataDir, settings: Mapping[str, str]) -> None:
    """Format the empty log of a new cluster; the directory appears only when complete.

    Raises:
        BrokerError: Kafka's storage tool failed.
    """
    stage, draft = data.path / "log.new", data.path / "format.properties"
    shutil.rmtree(stage, ignore_errors=True)
    write(draft, {**settings, "log.dirs": str(stage)})
    # A leading hyphen would be parsed as an option.
    cluster = secrets.token_urlsafe(16).replace("-", "A")
    command = jvm.storage_tool("format", "--cluster-id", cluster, "--config", str(draft))
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the command is ours
    if done.returncode:
        raise BrokerError(f"Kafka cannot format {data.log}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    draft.unlink()
    stage.rename(data.log)
