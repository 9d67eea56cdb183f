"""The official SDKs for JavaScript, unchanged, against the gateway: the real processes, and a recording provider."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.clients import need
from tests.e2e.commands import PATIENCE
from tests.e2e.test_gateway import ready
from tests.e2e.test_openai_gateway import address, provider

pytestmark = pytest.mark.slow
__all__ = ["address", "provider"]  # fixtures

FOLDER = Path(__file__).parent / "javascript"


@pytest.fixture(scope="module")
def script() -> list[str]:
    """The command, whose packages are installed at first; skips where there is no Node.js, or no registry."""
    need("node", "npm")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(FOLDER)]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            pytest.skip(f"npm could not install the SDKs: {done.stderr[-200:]}")
    return ["node", str(FOLDER / "sdks.mjs")]


async def test_that_the_sdks_of_openai_and_anthropic_work_as_they_are(script: list[str], address: str) -> None:
    await ready(address)
    running = await asyncio.create_subprocess_exec(
        *script, address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, wrong = await asyncio.wait_for(running.communicate(), PATIENCE * 2)
    assert running.returncode == 0, wrong.decode()
    checks = re.findall(r'^  async "(.*)"\(\)', (FOLDER / "sdks.mjs").read_text(encoding="utf-8"), re.MULTILINE)
    assert said.decode().splitlines() == checks
