from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.admin.doctor import packages
from app.admin.doctor import topics as topic_checks
from app.admin.doctor.base import Examination, Finding
from app.admin.doctor.registry import CHECKS, _load, examine
from app.brokers import inspection
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics, expected_topics
from app.client.client import Client, attach
from app.errors import ConfigurationError
from app.settings import Settings
from topics import TASKS
from topics.tasks import Task

MODELS = {"m": {"provider": "scripted"}}


def _settings(**values: Any) -> Settings:
    topics = {"prefix": f"t{secrets.token_hex(4)}-", "partitions": 2}
    return Settings.model_validate(
        {"models": MODELS, "topics": topics, "retrieval": {"embedder": "hashing"}, "server": {"port": 1}, **values}
    )


async def _found(check: str, settings: Settings | None = None, **values: Any) -> list[Finding]:
    examined = Examination(settings or _settings(), {}, **{"http": "127.0.0.1:1", **values})
    return [one async for one in examine(examined, [check])]


@pytest.fixture
def settings() -> Settings:
    return _settings()


@pytest.fixture
async def client(embedded: Connection, settings: Settings) -> AsyncIterator[Client]:
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def test_what_is_well_is_all_ok(client: Client, settings: Settings) -> None:
    examined = Examination(settings, {}, client=client, http="127.0.0.1:1")
    found = [one async for one in examine(examined)]
    assert {one.check for one in found} == CHECKS.keys() - {"certificates"}  # there are none
    assert {one.check: one.message for one in found if one.severity != "ok"} == {
        "worker": "no orchestrator is reachable at this address",
        "lag": "no worker is in the group",
    }
    assert all(one.fix for one in found if one.severity != "ok")


async def test_without_a_broker_one_line_says_why(settings: Settings) -> None:
    examined = Examination(settings, {}, unreachable="no broker answers; start it", http="127.0.0.1:1", offline=True)
    found = [one async for one in examine(examined)]
    assert [(one.check, one.message, one.fix) for one in found if one.severity == "error"] == [
        ("broker", "no broker answers", "start it")
    ]
    assert {"topics", "access", "lag"}.isdisjoint(one.check for one in found)


async def test_an_unknown_check_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="did you mean `topics`"):
        await _found("topcs")


async def test_no_finding_has_a_secret_in_it() -> None:
    models = {
        "m": {
            "provider": "openai",
            "model": "x",
            "api_key": "planted-key",
            "base_url": "http://u:planted-pw@127.0.0.1:1",
        }
    }
    found = await _found("models", _settings(models=models))
    assert [one.severity for one in found] == ["error"]
    assert "planted" not in repr(found)


async def test_topics_that_are_missing_or_have_other_partitions_are_broken(
    embedded: Connection, settings: Settings
) -> None:
    async with attach(settings, embedded) as client:
        (first, second, *_) = expected_topics(settings.topics)
        await (await client.admin()).create_topics(
            [NewTopic(first.name, 3, 1), NewTopic(second.name, settings.topics.partitions, 1)]
        )
        found = {one.subject: one for one in await _found("topics", settings, client=client)}
    assert second.name not in found
    assert found[first.name].message == "has 3 partitions, but topics.partitions is 2"
    others = {one.message for name, one in found.items() if name != first.name}
    assert others == {"does not exist, or this login may not see it"}
    assert {one.severity for one in found.values()} == {"error"}


@pytest.mark.parametrize(
    ("configs", "replicas", "severity", "said"),
    [
        ({"cleanup.policy": "compact"}, 1, "error", "cleanup.policy is compact, and should be delete"),
        ({"retention.ms": "1000"}, 1, "warning", "retention.ms is 1000, and should be 604800000"),
        ({"max.message.bytes": "1"}, 1, "warning", "max.message.bytes is 1, and should be 16777216"),
        ({"max.message.bytes": "99999999"}, 1, "ok", ""),
        ({"min.insync.replicas": "2"}, 1, "error", "min.insync.replicas is 2, but it has 1 replicas: nothing can be"),
        ({"min.insync.replicas": "1"}, 3, "warning", "min.insync.replicas is 1: what one broker alone has"),
        ({"min.insync.replicas": "2"}, 3, "ok", ""),
    ],
)
async def test_settings_of_topics_are_compared(  # noqa: PLR0917  # one for each value
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    configs: dict[str, str],
    replicas: int,
    severity: str,
    said: str,
) -> None:
    name = client.full_name(TASKS)
    admin = await client.admin()
    described = await admin.describe_topics()
    for topic in described:
        for partition in topic["partitions"]:
            partition["replicas"] = partition["isr"] = [*range(replicas)]

    async def describe_topics() -> Any:
        return described

    async def topic_configs(*_: object) -> dict[str, dict[str, str]]:
        return {name: configs}

    monkeypatch.setattr(admin, "describe_topics", describe_topics)
    monkeypatch.setattr(topic_checks, "topic_configs", topic_configs)
    (found,) = await _found("topics", settings, client=client)
    assert (found.severity, said in found.message) == (severity, True)


async def test_what_a_login_may_not_do_is_said_with_the_command(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def allowed(_: Connection, topics: list[str]) -> dict[str, frozenset[str]]:
        everything = frozenset({"Describe", "Read", "Write"})
        return {name: everything - {"Write"} if name.endswith("-tasks") else everything for name in topics}

    monkeypatch.setattr(inspection, "allowed_operations", allowed)
    (found,) = await _found("access", settings, client=client)
    assert (found.severity, found.message) == ("error", "this login may not Write")
    assert found.fix.endswith(f"--operation Write --topic {client.full_name(TASKS)}")


async def test_events_that_wait_for_nobody_are_broken(client: Client, settings: Settings) -> None:
    await (await client.send(TASKS, "t", Task(id="t", input={}), id="t"))
    (found,) = await _found("lag", settings, client=client)
    assert (found.severity, found.message) == ("error", "no worker is in the group; 1 events wait")


async def test_events_of_the_future_show_a_wrong_clock(client: Client, settings: Settings) -> None:
    await (await client.send(TASKS, "t", Task(id="t", input={}), id="t"))
    (fine,) = await _found("clock", settings, client=client, offline=True)
    assert fine.severity == "ok"
    past = datetime.now(UTC).timestamp() - 3600
    (found,) = await _found("clock", settings, client=client, offline=True, now=lambda: past)
    assert (found.severity, found.subject) == ("error", "events")


async def test_the_clock_of_a_server_is_compared() -> None:
    port = _answering(b"HTTP/1.0 404 Not Found\r\nDate: Tue, 01 Dec 2020 00:00:00 GMT\r\n\r\n")
    models = {"m": {"provider": "vllm", "model": "x", "base_url": f"http://127.0.0.1:{port}/v1"}}
    (found,) = await _found("clock", _settings(models=models))
    assert found.severity == "warning"
    assert "behind the clock here" in found.message
    (offline,) = await _found("clock", _settings(models=models), offline=True)
    assert offline.severity == "ok"


def _certificate(folder: Path, begins: datetime, ends: datetime) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends)
    path = folder / "x.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("begins", "ends", "severity", "said"),
    [
        (-400, -1, "error", "CN=kafka has ended on"),
        (-400, 10, "warning", "CN=kafka ends in"),
        (-400, 100, "ok", "CN=kafka is valid until"),
        (2, 100, "error", "CN=kafka begins only on"),
    ],
)
async def test_certificates_are_looked_at(tmp_path: Path, begins: int, ends: int, severity: str, said: str) -> None:
    now = datetime.now(UTC)
    path = _certificate(tmp_path, now + timedelta(days=begins), now + timedelta(days=ends))
    broker = {
        "kind": "cluster",
        "bootstrap_servers": "127.0.0.1:1",
        "security": {"protocol": "SSL", "ca_file": str(path)},
    }
    (found,) = await _found("certificates", _settings(broker=broker))
    assert (found.severity, found.message.startswith(said), found.subject) == (
        severity,
        True,
        "broker.security.ca_file",
    )


async def test_a_certificate_that_cannot_be_read_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    broker = {
        "kind": "cluster",
        "bootstrap_servers": "127.0.0.1:1",
        "security": {"protocol": "SSL", "ca_file": str(path)},
    }
    (missing,) = await _found("certificates", _settings(broker=broker))
    path.write_text("no certificate")
    (wrong,) = await _found("certificates", _settings(broker=broker))
    assert (missing.severity, wrong.severity) == ("error", "error")
    assert "No such file" in missing.message
    assert "not a PEM certificate" in wrong.message


@pytest.mark.parametrize(
    ("model", "years", "severity", "said"),
    [
        ({"provider": "openai", "model": "gpt-5-mini", "api_key": "x"}, 0, "ok", "known and recent"),
        ({"provider": "openai", "model": "gpt-5-mini", "api_key": "x"}, 3, "warning", "its price is of 20"),
        ({"provider": "openai", "model": "gpt-5-mini", "api_key": "x", "price": {"input": 1}}, 3, "ok", "known"),
        ({"provider": "openai", "model": "none-such", "api_key": "x"}, 0, "warning", "the price of none-such is not"),
        ({"provider": "vllm", "model": "x"}, 0, "ok", "cost nothing"),
    ],
)
async def test_old_and_unknown_prices_are_told(model: dict[str, Any], years: int, severity: str, said: str) -> None:
    then = datetime(2026, 12, 1, tzinfo=UTC).timestamp() + years * 365 * 86400
    (found,) = await _found("prices", _settings(models={"m": model}), now=lambda: then)
    assert (found.severity, said in found.message) == (severity, True)


async def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [0.05, 0.5, 5.0]
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": free.pop(0) * 1024**3}))
    severities = [(await _found("disk"))[0].severity for _ in range(3)]
    assert severities == ["error", "warning", "ok"]


async def test_a_pinned_package_in_another_version_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["aiokafka==0.0.1", "rich>=15", "not-there-at-all==1", "uvloop>=0.23; sys_platform != 'win32'"]
    monkeypatch.setattr(packages, "requires", lambda _: lines)
    (found,) = await _found("packages")
    assert (found.severity, found.subject, found.fix) == ("error", "aiokafka", 'pip install "aiokafka==0.0.1"')


async def test_a_component_that_cannot_be_built_is_told_with_its_fix() -> None:
    settings = _settings(models={"m": {"provider": "scripted", "options": {"defualt": "x"}}})
    (found,) = await _found("components", settings)
    assert (found.severity, "did you mean `default`?" in found.message) == ("error", True)


def test_a_check_can_be_imported_from_each_line_of_the_table() -> None:
    made = {name: _load(name) for name in CHECKS}
    assert {name: one.name for name, one in made.items()} == {name: name for name in CHECKS}


def _answering(answer: bytes) -> int:
    """Return a port on which one request is answered."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    port: int = server.getsockname()[1]
    return port
