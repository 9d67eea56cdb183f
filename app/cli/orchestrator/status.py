"""`meta-ai orchestrator status`: readiness, workers and waiting events."""

from __future__ import annotations

import os
from dataclasses import asdict, astuple
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from json import loads as parse_json

import typer

from app.cli import run_state
from app.cli.event_loop import run
from app.cli.kafka.client import connect
from app.cli.kafka.consumer_group import ConsumerGroup, inspect
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.settings import Settings

_TIMEOUT = 5.0
_MAX_BYTES = 64 * 1024


def status(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """Show whether it is ready, its workers and the waiting events; exits with 1 if it is not ready."""
    output = Output(programs=json)
    settings = find(config, bootstrap_servers)
    running = run_state.read(run_state.path_for(config, os.environ))
    http = running.http if running else f"{settings.server.bind_address}:{settings.server.port}"
    ready, detail = readiness(http)
    group = run(_inspect(settings))
    if json:
        output.emit({"ready": ready, "detail": detail, "http": http, **asdict(group)})
    else:
        _show(output, group, f"{http}: {detail}", ready=ready)
    if not ready:
        raise typer.Exit(1)


def readiness(http: str) -> tuple[bool, str]:
    """Return whether the worker at host:port is ready, and a sentence about it."""
    connection = HTTPConnection(http, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = parse_json(answer.read(_MAX_BYTES))
        return answer.status == HTTPStatus.OK, str(body.get("status") or body.get("detail"))
    except (OSError, HTTPException, ValueError, AttributeError):
        return False, "no orchestrator is reachable at this address"
    finally:
        connection.close()


async def _inspect(settings: Settings) -> ConsumerGroup:
    async with connect(settings) as client:
        return await inspect(client)


def _show(output: Output, group: ConsumerGroup, detail: str, *, ready: bool) -> None:
    output.say(detail, style="green" if ready else "red")
    output.say(f"group {group.id}: {group.state}, {len(group.members)} member(s) {', '.join(group.members)}")
    output.say()
    output.table(("topic", "events", "finished", "waiting"), [astuple(topic) for topic in group.topics])
