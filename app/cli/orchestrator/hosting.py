"""`meta-ai orchestrator run` and `worker`: host a worker, and publish how to reach it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from app.brokers.base import Connection
from app.brokers.open import open_broker
from app.brokers.topics import ensure_topics
from app.cli import run_state
from app.cli.orchestrator.gateway import open_gateway
from app.cli.orchestrator.serving import RunningWorker, SignalHandler, configure_logs, serve_worker
from app.cli.output import Output
from app.cli.workflows import workflow_files
from app.cli.workflows.deploy import deploy_files
from app.client.client import attach
from app.configuration import LiveSettings
from app.settings import Settings
from topics import RESULTS, TASKS

BROKER_LABELS = {
    "embedded": "embedded broker, in memory only: all data is lost when it stops",
    "kafka": "Apache Kafka on this machine, durable",
    "cluster": "cluster",
}
_NEXT_COMMANDS = ("meta-ai documents add docs/", 'meta-ai ask "What is this about?"', "meta-ai orchestrator status")


async def host(
    settings: Settings,
    config: Path | None,
    output: Output,
    *,
    publish: bool = True,
    live: LiveSettings | None = None,
) -> None:
    """Serve until a signal arrives; with `publish`, a gateway too, and the state file says how to reach both.

    The components follow the secrets of `live` settings. A broker started here also gets the workflows of the settings;
    on a cluster, only `deploy` adds them.

    Raises:
        FolderTaken: an orchestrator with a broker of its own is to be started where one runs already.
        OrchestratorError: it cannot be started, or stopped unexpectedly.
    """
    interruption, started = SignalHandler(), time.perf_counter()
    own, place = publish and settings.broker.kind != "cluster", run_state.path_for(config, os.environ)
    configure_logs(settings, live)
    with interruption.handled(), ExitStack() as claims:
        if publish:
            publish = _claim(claims, place, own=own, output=output)
        async with open_broker(settings.broker) as connection:
            if own:
                await deploy(settings, connection, workflow_files.configured_paths(settings, config), output)
            with_gateway, all_read = publish and settings.gateway.enabled, asyncio.Event()
            async with (
                serve_worker(settings, connection, live) as running,
                open_gateway(settings, connection, all_read) if with_gateway else nullcontext("") as gateway,
            ):
                said = describe_running(settings, connection, running, gateway)
                with run_state.published(place, said) if publish else nullcontext():
                    announce(settings, connection, running, output, gateway)
                    if not with_gateway:
                        all_read.set()
                    beside = [asyncio.create_task(_announce_ready(running, all_read, output, started))]
                    if live:
                        beside.append(asyncio.create_task(live.follow()))
                    try:
                        await interruption.wait(running.worker)
                    finally:
                        for one in beside:
                            one.cancel()


def _claim(claims: ExitStack, place: Path, *, own: bool, output: Output) -> bool:
    """Return whether commands here are to find this orchestrator; on a cluster, several may run in one folder."""
    try:
        claims.enter_context(run_state.claimed(place))
    except run_state.FolderTaken:
        if own:
            raise
        output.note("another orchestrator runs in this folder: `orchestrator status` here shows that one")
        return False
    return True


async def deploy(settings: Settings, connection: Connection, paths: Sequence[Path], output: Output) -> None:
    """Deploy the workflows in these files, before any worker receives a task for them.

    Raises:
        ConfigurationError: a file is invalid, or a version is deployed with different content.
    """
    if not paths:
        return
    await ensure_topics(connection, settings.topics)
    async with attach(settings, connection) as client:
        changes = await deploy_files(client, paths, output)
    for change in changes:
        output.say(f"workflow {change.workflow} version {change.after.number}")


def announce(
    settings: Settings, connection: Connection, running: RunningWorker, output: Output, gateway: str = ""
) -> None:
    """Print what runs where, and what to try next."""
    if output.programs:
        said = describe_running(settings, connection, running, gateway)
        output.emit({"broker": settings.broker.kind, **said.model_dump()})
        return
    kind = BROKER_LABELS[settings.broker.kind]
    output.say(f"broker   {connection.bootstrap_servers} ({kind})")
    prefix = settings.topics.prefix
    output.say(f"tasks    go to the topic {prefix}{TASKS.name}; results arrive on {prefix}{RESULTS.name}")
    if gateway:
        output.say(f"gateway  {settings.gateway.scheme}://{gateway}/v1")
    output.say(f"health   http://{running.http}/readyz")
    output.say("next     " + "\n         ".join(_NEXT_COMMANDS))


def describe_running(
    settings: Settings, connection: Connection, running: RunningWorker, gateway: str = ""
) -> run_state.RunState:
    """Return what other commands need to know."""
    return run_state.RunState(
        bootstrap_servers=connection.bootstrap_servers,
        pid=os.getpid(),
        http=running.http,
        app_id=settings.app_id,
        prefix=settings.topics.prefix,
        gateway=gateway,
    )


async def _announce_ready(running: RunningWorker, gateway: asyncio.Event, output: Output, started: float) -> None:
    await running.worker.ready()
    await gateway.wait()
    seconds = time.perf_counter() - started
    if output.programs:
        output.emit({"ready": True, "seconds": round(seconds, 3)})
    else:
        output.say(f"ready    after {seconds:.1f} s")
