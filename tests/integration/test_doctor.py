"""The checks of `meta-ai doctor` against Apache Kafka with ACLs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.protocol.admin import CreateAclsRequest

from app.admin.doctor.base import Examination, Finding
from app.admin.doctor.registry import examine
from app.brokers.base import Connection
from app.brokers.kafka import LocalKafka
from app.brokers.open import open_broker
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.reachability import connect
from app.brokers.topics import ensure_topics
from app.client.client import attach
from app.settings import Settings
from testkit.cluster.jvm_options import QUICK
from topics import ALL, TASKS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

USER, PASSWORD = "limited", "planted-password"
_TOPIC, _GROUP, _PREFIXED, _ALLOW = 2, 3, 4, 3
_READ, _WRITE, _DESCRIBE, _DESCRIBE_CONFIGS = 3, 4, 8, 10


def _properties(plain: int, login: int) -> dict[str, str]:
    controller = free_port()
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{plain},LOGIN://{LOOPBACK}:{login},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{plain},LOGIN://{LOOPBACK}:{login}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": f'{module} required user_{USER}="{PASSWORD}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Connection, int]]:
    """A Kafka with ACLs; yields the connection of a super user, and the port for others."""
    plain, login = free_port(), free_port()
    data = tmp_path_factory.mktemp("acls") / "data"
    kafka = LocalKafka(data, plain, properties=_properties(plain, login), jvm_options=QUICK)
    yield await kafka.start(), login
    await kafka.stop()


async def _allow(connection: Connection, kind: int, name: str, *operations: int) -> None:
    conn = await connect(connection)
    try:
        for operation in operations:
            request: Any = CreateAclsRequest(kind, name, _PREFIXED, f"User:{USER}", "*", operation, _ALLOW)
            answer: Any = await conn.send(request)
            assert [error for error, _ in answer.creation_responses] == [0]
    finally:
        conn.close()


async def _findings(settings: Settings, *checks: str) -> list[Finding]:
    async with open_broker(settings.broker) as connection, attach(settings, connection) as client:
        return [one async for one in examine(Examination(settings, {}, client=client), checks)]


async def _until(settings: Settings, check: str, *messages: str) -> list[Finding]:
    """Return what a check finds, once it says only this: the broker takes a moment to apply ACLs."""
    async with asyncio.timeout(60):
        while True:
            found = await _findings(settings, check)
            if {one.message for one in found} == {*messages}:
                return found
            await asyncio.sleep(0.2)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_acls_do_not_allow_is_found_and_nothing_else(broker: tuple[Connection, int]) -> None:
    everything, port = broker
    prefix = f"d{secrets.token_hex(4)}-"
    security = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": USER, "password": PASSWORD}
    section = {"kind": "cluster", "bootstrap_servers": f"{LOOPBACK}:{port}", "security": security}
    settings = Settings.model_validate(
        {"app_id": prefix + "app", "broker": section, "topics": {"prefix": prefix, "partitions": 1}}
    )
    await ensure_topics(everything, settings.topics)
    assert {one.message for one in await _findings(settings, "topics", "access")} == {
        "does not exist, or this login may not see it",
        "this login sees none of them",
    }

    await _allow(everything, _TOPIC, prefix, _DESCRIBE, _READ, _DESCRIBE_CONFIGS)
    await _allow(everything, _GROUP, settings.app_id, _DESCRIBE, _READ)
    found = await _until(settings, "access", "this login may not Write")
    assert {one.severity for one in found} == {"error"}
    assert f"kafka-acls --add --allow-principal User:{USER} --operation Write --topic {prefix}{TASKS.name}" in {
        one.fix for one in found
    }

    await _allow(everything, _TOPIC, prefix, _WRITE)
    await _until(settings, "access", f"this login may read and write the {len(ALL)} that it sees")
    await _until(settings, "lag", "no worker is in the group")
    found = await _findings(settings, "broker", "topics", "access", "lag")
    assert [(one.check, one.severity) for one in found] == [
        ("broker", "ok"),
        ("topics", "ok"),
        ("access", "ok"),
        ("lag", "warning"),
    ]
    assert found[0].message.startswith("answers with the protocol of Apache Kafka 4.1; 1 node")
    assert found[1].message.endswith("as they should be")

    other = settings.model_copy(update={"topics": settings.topics.model_copy(update={"retention": 3600.0})})
    assert "retention.ms is 604800000, and should be 3600000" in {
        one.message for one in await _findings(other, "topics")
    }
