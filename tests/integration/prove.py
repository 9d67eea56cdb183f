"""What must hold of a deployment, however it is disturbed."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from app.brokers.kafka import LocalKafka
from testkit.cluster import scenarios
from testkit.cluster.harness import SHORT_SESSION, deploy

# How many tasks in all, how many a second, and how often something happens meanwhile, in seconds.
PACE = {
    "kill": (180, 10, 6.0),
    "roll": (150, 10, 6.0),
    "storm": (200, 10, 4.0),
    "restart-broker": (100, 10, 8.0),
    "crash-broker": (100, 10, 8.0),
    "mixed": (200, 10, 12.0),
}
# Where each disturbance is over when the session is, a short one has as many of them in less time.
SESSIONS = {"kill": SHORT_SESSION}
# More calls than this are hardly ever in flight: 30 begin each second, and more after a pause. Only those may
# be made again, when their worker or their partition goes.
AT_ONCE = 60


def thinking() -> float:
    return random.uniform(0.05, 0.8)  # noqa: S311  # chance, not secrecy


async def prove(mode: str, kafka: LocalKafka, folder: Path) -> None:
    """Feed tasks while a mode of `scenarios` disturbs: none is lost, and none is paid for twice."""
    tasks, rate, interval = PACE[mode]
    servers, session = kafka.connection.bootstrap_servers, SESSIONS.get(mode, 6.0)
    async with deploy(servers, folder, delay=thinking, session_timeout=session) as deployment:
        await deployment.workers.start(3)
        disturb = partial(scenarios.MODES[mode], deployment, kafka)
        report = await scenarios.run(deployment, disturb, tasks=tasks, rate=rate, interval=interval)
    assert report.disturbances > 0, report
    assert report.missing == (), report
    assert report.differing == (), report
    assert report.overturned == (), report
    assert report.statuses == {"succeeded": tasks}, report
    assert report.repaid == 0, report
    assert report.repeated <= AT_ONCE * report.disturbances, report
