from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.brokers.base import Connection
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.process import BrokerProcess
from app.errors import BrokerError

SLEEP = ["/bin/sleep", "60"]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


async def test_stopping_ends_it(tmp_path: Path) -> None:
    child = BrokerProcess(SLEEP, tmp_path / "log")
    assert child.running
    await child.stop(5)
    assert not child.running


async def test_one_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    child = BrokerProcess(["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], tmp_path / "log")
    while "ready" not in child.last_words():  # noqa: ASYNC110  # a process tells nobody
        await asyncio.sleep(0.01)
    await child.stop(0.2)
    assert not child.running


async def test_one_that_stays_silent_is_ended(tmp_path: Path) -> None:
    child = BrokerProcess(SLEEP, tmp_path / "log")
    with pytest.raises(BrokerError, match=r"did not start within 0\.2 s"):
        await child.answers(Connection(f"{LOOPBACK}:{free_port()}"), seconds=0.2)
    assert not child.running


async def test_giving_up_the_wait_ends_it(tmp_path: Path) -> None:
    child = BrokerProcess(SLEEP, tmp_path / "log")
    waiting = asyncio.create_task(child.answers(Connection(f"{LOOPBACK}:{free_port()}"), seconds=60))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not child.running


def test_it_dies_when_its_owner_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from app.brokers.process import BrokerProcess;"
        "print(BrokerProcess(['/bin/sleep', '60'], Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(  # noqa: S603  # the program is above
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.send_signal(signal.SIGKILL)
    for _ in range(1000):
        if not alive(pid):
            return
        signal.sigtimedwait([], 0.01)
    pytest.fail("the child outlives its owner")
