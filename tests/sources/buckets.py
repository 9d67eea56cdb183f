"""A bucket of S3, by moto's server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fsspec import filesystem
from moto.server import ThreadedMotoServer

KEYS = {"key": "testing", "secret": "hunter2-secret"}


@contextmanager
def s3() -> Iterator[str]:
    """Run a server of S3, and yield its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def bucket(endpoint: str, name: str, objects: dict[str, bytes]) -> Any:
    """Return a file system with a bucket that has these objects."""
    system = filesystem("s3", **KEYS, endpoint_url=endpoint, skip_instance_cache=True)
    if not system.exists(name):
        system.mkdir(name)
    for path, data in objects.items():
        system.pipe(f"{name}/{path}", data)
    return system
