"""Weaviate's server in a network of its own: it opens ports on all interfaces, of which nobody else sees any.

`python -m testkit.stores.weaviate SERVER FOLDER` runs in that network: it starts the server, and prints each check of
the store's contract as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from app.conformance import Check
from app.retrieval.conformance.store import probe_store
from app.retrieval.registry import build_store
from app.settings import RetrievalSettings

ROOT = Path(__file__).parents[2]
_PORT, _GRPC_PORT = 8087, 50087
_START_SECONDS = 60
#: Built with `go install github.com/weaviate/weaviate/cmd/weaviate-server@v1.35.3`, which takes four minutes.
SERVER = os.environ.get("WEAVIATE_SERVER") or shutil.which("weaviate-server") or ""


def missing() -> str:
    """Return why the server cannot be started here; nothing if it can."""
    if not SERVER:
        return "needs weaviate-server on the PATH, or in WEAVIATE_SERVER: docs/stores.md says how to build it"
    allowed = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)  # noqa: S607  # of util-linux
    return "" if allowed.returncode == 0 else "needs a network namespace, which this system does not allow"


async def checks(folder: Path) -> list[Check]:
    """Run the contract in a network namespace, and return its checks."""
    inner = f'ip link set lo up && exec {sys.executable} -m testkit.stores.weaviate "$0" "$1"'
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rn", "sh", "-c", inner, SERVER, str(folder)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()[-2000:]
    return [Check(**json.loads(line)) for line in out.decode().splitlines()]


async def _main(server: str, folder: Path) -> None:
    log = (folder / "weaviate.log").open("wb")  # before anything else
    process = await asyncio.create_subprocess_exec(
        *(server, "--host", "127.0.0.1", "--port", str(_PORT), "--scheme", "http"),
        env={
            **os.environ,
            "PERSISTENCE_DATA_PATH": str(folder),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
            "CLUSTER_HOSTNAME": "node1",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "CLUSTER_IN_LOCALHOST": "true",
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "GRPC_PORT": str(_GRPC_PORT),
            "DISABLE_TELEMETRY": "true",
            "DEFAULT_VECTORIZER_MODULE": "none",
        },
        stdout=log,
        stderr=log,
    )
    try:
        await _ready()
        numbers = itertools.count()
        async for check in probe_store(lambda embedder: build_store(_settings(next(numbers)), embedder)):
            print(json.dumps(asdict(check)), flush=True)
    finally:
        process.kill()
        await process.wait()


def _settings(number: int) -> RetrievalSettings:
    options = {"index": f"contract_{number}", "grpc_port": _GRPC_PORT}
    return RetrievalSettings(store="weaviate", endpoint=f"http://127.0.0.1:{_PORT}", timeout=30, options=options)


async def _ready() -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", _PORT)
                writer.write(b"GET /v1/.well-known/ready HTTP/1.0\r\n\r\n")
                ready = b" 200 " in await reader.readline()
                writer.close()
                if ready:
                    return
            await asyncio.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
