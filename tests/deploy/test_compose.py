from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.brokers import distribution
from app.configuration.environment import CREDENTIALS, VARIABLES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def listeners(kafka: dict[str, Any], variable: str) -> dict[str, str]:
    return dict(part.split("://") for part in kafka["environment"][variable].split(","))


def test_there_are_a_broker_workers_and_a_view(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "worker", "kafka-ui"}


def test_every_port_is_published_to_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"ports", "container_name", "hostname"} & set(services["worker"])


def test_every_variable_of_the_worker_is_one_that_it_reads(services: dict[str, Any]) -> None:
    assert set(services["worker"]["environment"]) <= {*VARIABLES, CREDENTIALS}


def test_everyone_connects_where_kafka_listens(services: dict[str, Any]) -> None:
    kafka = services["kafka"]
    inside = listeners(kafka, "KAFKA_ADVERTISED_LISTENERS")["INTERNAL"]
    assert services["worker"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == inside
    assert services["kafka-ui"]["environment"]["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"] == inside
    assert inside == "kafka" + listeners(kafka, "KAFKA_LISTENERS")["INTERNAL"]


def test_programs_on_this_machine_are_led_back_to_the_published_port(services: dict[str, Any]) -> None:
    outside = listeners(services["kafka"], "KAFKA_ADVERTISED_LISTENERS")["HOST"]
    assert services["kafka"]["ports"] == [f"127.0.0.1:{outside.rpartition(':')[2]}:9092"]


def test_nobody_starts_before_kafka_is_healthy(services: dict[str, Any]) -> None:
    assert "healthcheck" in services["kafka"]
    for name in ("worker", "kafka-ui"):
        assert services[name]["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_the_kafka_is_the_one_that_the_tests_run_on(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{distribution.VERSION}"


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values() if "build" not in service]
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in images)


def compose() -> list[str] | None:
    """Return the command of Docker Compose, where there is one; it needs no engine to check a file."""
    if found := shutil.which("docker-compose"):
        return [found]
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False)  # noqa: S603  # Docker's own
    return [docker, "compose"] if docker and asked and asked.returncode == 0 else None


@pytest.mark.skipif(compose() is None, reason="needs Docker Compose")
def test_compose_itself_accepts_the_file() -> None:
    command = [*(compose() or ()), "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # Docker's own
    assert done.returncode == 0, done.stderr
