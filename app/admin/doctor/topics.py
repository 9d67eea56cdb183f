"""Whether the topics are there with the settings that they should have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.admin.doctor.base import Examination, Finding, Severity
from app.brokers.topics import expected_topics
from app.client.client import Client

_MIN_ISR, _CLEANUP, _RETENTION, _LARGEST = "min.insync.replicas", "cleanup.policy", "retention.ms", "max.message.bytes"


class Topics:
    """Compares each topic with what would be created."""

    name = "topics"
    needs_broker, needs_network = True, False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield the differences, or else that there are none."""
        assert examined.client  # noqa: S101  # it needs a broker
        described = {topic["topic"]: topic for topic in await (await examined.client.admin()).describe_topics()}
        wanted = expected_topics(examined.settings.topics)
        configs = await topic_configs(examined.client, [topic.name for topic in wanted if topic.name in described])
        found = [one for topic in wanted for one in self._differences(topic, described, configs)]
        for one in found:
            yield one
        if not found:
            told = "" if configs else "; the broker does not tell their settings"
            yield Finding(self.name, "ok", "topics", f"all {len(wanted)} are there as they should be{told}")

    def _differences(
        self, wanted: Any, described: Mapping[str, Any], configs: Mapping[str, Mapping[str, str]]
    ) -> Iterator[Finding]:
        name = wanted.name
        if name not in described:
            fix = "meta-ai topics create; or, if it is there, let this login Describe it"
            yield Finding(self.name, "error", name, "does not exist, or this login may not see it", fix)
            return
        yield from self._layout(name, wanted, described[name]["partitions"])
        if own := configs.get(name):
            replicas = min((len(one["replicas"]) for one in described[name]["partitions"]), default=1)
            yield from self._settings(name, wanted.topic_configs, own, replicas)

    def _layout(self, name: str, wanted: Any, partitions: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
        if len(partitions) != wanted.num_partitions:
            message = f"has {len(partitions)} partitions, but topics.partitions is {wanted.num_partitions}"
            fix = f"set topics.partitions to {len(partitions)}, or choose another topics.prefix"
            yield Finding(self.name, "error", name, message, fix)
        if gone := [one["partition"] for one in partitions if one["leader"] < 0]:
            fix = "start the brokers that have their replicas"
            yield Finding(self.name, "error", name, f"no leader for the partitions {', '.join(map(str, gone))}", fix)
        elif behind := [one["partition"] for one in partitions if len(one["isr"]) < len(one["replicas"])]:
            message = f"replicas are behind in the partitions {', '.join(map(str, behind))}"
            yield Finding(self.name, "warning", name, message, "look at the brokers that have them")
        copies = min((len(one["replicas"]) for one in partitions), default=0)
        if copies < wanted.replication_factor:
            message = f"has {copies} replicas, but topics.replication is {wanted.replication_factor}"
            fix = "reassign its partitions with kafka-reassign-partitions, or correct topics.replication"
            yield Finding(self.name, "warning", name, message, fix)

    def _settings(
        self, name: str, wanted: Mapping[str, str], own: Mapping[str, str], replicas: int
    ) -> Iterator[Finding]:
        for key, value in wanted.items():
            found = own.get(key)
            if found is None or _same(key, found, value):
                continue
            # What is compacted away, or kept where it should go, cannot be brought back.
            severity: Severity = "error" if key == _CLEANUP else "warning"
            fix = f"kafka-configs --alter --topic {name} --add-config {key}=[{value}], or change the configuration"
            yield Finding(self.name, severity, name, f"{key} is {found}, and should be {value}", fix)
        least = int(own.get(_MIN_ISR, "1"))
        if least > replicas:
            message = f"{_MIN_ISR} is {least}, but it has {replicas} replicas: nothing can be written"
            yield Finding(self.name, "error", name, message, f"set {_MIN_ISR} to {max(1, replicas - 1)}")
        elif replicas > 2 and least < 2:  # noqa: PLR2004  # two copies survive the loss of one
            message = f"{_MIN_ISR} is {least}: what one broker alone has can be lost with it"
            yield Finding(self.name, "warning", name, message, f"set {_MIN_ISR} to 2")


def _same(key: str, found: str, wanted: str) -> bool:
    if key == _CLEANUP:
        return {*found.split(",")} == {*wanted.split(",")}
    if key == _LARGEST:  # more does no harm
        return int(found) >= int(wanted)
    return found == wanted


async def topic_configs(client: Client, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the settings of these topics, by name; none of what the broker does not tell."""
    admin = await client.admin()
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found = {}
    for error, _, _, name, entries in (one for answer in answers for one in answer.resources):
        if not error and entries:
            found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return found
