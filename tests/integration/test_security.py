from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.kafka import LocalKafka
from app.brokers.open import open_broker
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.reachability import check_reachable
from app.errors import BrokerError
from app.settings import Settings
from app.worker.components import components
from app.worker.worker import Worker
from testkit.cluster.jvm_options import QUICK

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make a certificate"),
]

USER, PASSWORD = "worker", "planted-password"


def certificate(folder: Path, name: str) -> Path:
    """Make a key and a certificate for the loopback address that vouches for itself, and return the latter."""
    key, found = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-addext", f"subjectAltName=IP:{LOOPBACK}", "-keyout", str(key), "-out", str(found)]
    subprocess.run([*command, *files], check=True, capture_output=True)  # noqa: S603  # the command is ours
    (folder / f"{name}.pem").write_text(key.read_text() + found.read_text())
    return found


def properties(keystore: Path, plain: int, secure: int) -> dict[str, str]:
    controller = free_port()
    login = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{plain},SECURE://{LOOPBACK}:{secure},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{plain},SECURE://{LOOPBACK}:{secure}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": f'{login} required user_{USER}="{PASSWORD}";',
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    """A Kafka with a listener that wants TLS and a login; yields the section `broker` of the settings for it."""
    folder = tmp_path_factory.mktemp("secure")
    authority, plain, secure = certificate(folder, "kafka"), free_port(), free_port()
    kafka = LocalKafka(
        folder / "data", plain, properties=properties(folder / "kafka.pem", plain, secure), jvm_options=QUICK
    )
    await kafka.start()
    security = {
        "protocol": "SASL_SSL",
        "mechanism": "PLAIN",
        "username": USER,
        "password": PASSWORD,
        "ca_file": str(authority),
    }
    yield {"kind": "cluster", "bootstrap_servers": f"{LOOPBACK}:{secure}", "security": security}
    await kafka.stop()


def settings(broker: dict[str, Any]) -> Settings:
    name = f"s{secrets.token_hex(4)}"
    return Settings.model_validate(
        {
            "app_id": name,
            "broker": broker,
            "topics": {"prefix": f"{name}-", "partitions": 2},
            "models": {"m": {"provider": "scripted"}},
            "ask": {"models": ["m"], "strategy": "first"},
            "retrieval": {"embedder": "hashing"},
        }
    )


async def answer(connection: Connection, prefix: str) -> dict[str, Any]:
    """Send a task, and return its result."""
    options = {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}
    consumer = AIOKafkaConsumer(f"{prefix}results", **options, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(**options)
    await asyncio.gather(consumer.start(), producer.start())
    try:
        await producer.send_and_wait(f"{prefix}tasks", b'{"id": "t", "input": {"question": "why?"}}', key=b"t")
        async with asyncio.timeout(30):
            found: dict[str, Any] = json.loads((await consumer.getone()).value)
            return found
    finally:
        await asyncio.gather(consumer.stop(), producer.stop())


@pytest.mark.asyncio(loop_scope="module")
async def test_a_worker_serves_a_cluster_that_wants_tls_and_a_login(broker: dict[str, Any]) -> None:
    chosen = settings(broker)
    async with open_broker(chosen.broker) as connection:
        worker = Worker(chosen, connection, components(chosen))
        await worker.start()
        try:
            assert (await answer(connection, chosen.topics.prefix))["status"] == "succeeded"
        finally:
            await worker.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "not-the-planted-password"}, "rejects the user name or password in broker.security"),
        ({"ca_file": ...}, "has no trusted TLS certificate (CERTIFICATE_VERIFY_FAILED); see broker.security.ca_file"),
        ({"mechanism": "SCRAM-SHA-512"}, "does not offer broker.security.mechanism SCRAM-SHA-512"),
        ({"protocol": "SASL_PLAINTEXT"}, "speaks TLS; set broker.security.protocol to SASL_SSL"),
    ],
)
async def test_a_login_that_fails_is_one_line_without_the_password(
    broker: dict[str, Any], tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    changes = {key: str(certificate(tmp_path, "other")) if value is ... else value for key, value in wrong.items()}
    chosen = settings({**broker, "security": {**broker["security"], **changes}})
    with pytest.raises(BrokerError) as caught:
        async with open_broker(chosen.broker):
            pass
    assert str(caught.value) == f"no broker answers: {broker['bootstrap_servers']} {said}"


@pytest.mark.asyncio(loop_scope="session")
async def test_a_listener_without_tls_is_recognised(kafka: Connection) -> None:
    options = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    with pytest.raises(BrokerError) as caught:
        await check_reachable(Connection(kafka.bootstrap_servers, options))
    assert str(caught.value) == (
        f"no broker answers: {kafka.bootstrap_servers} does not speak TLS; set broker.security.protocol to PLAINTEXT"
    )
