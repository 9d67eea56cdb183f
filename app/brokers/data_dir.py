"""The data directory of a local Kafka, used by one process at a time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from app.errors import BrokerError

# A broker whose owner was killed takes a moment to end.
_PATIENCE_SECONDS = 3.0


class DataDir:
    """The directory and its lock.

    Kafka inherits the lock file, so that the lock lasts as long as either of the two processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock_file = -1

    @property
    def log(self) -> Path:
        """Kafka's own directory of topics; it exists only once it is completely formatted."""
        return self.path / "log"

    @property
    def properties(self) -> Path:
        """The configuration of the last start."""
        return self.path / "server.properties"

    @property
    def output(self) -> Path:
        """What Kafka printed since its last start."""
        return self.path / "server.log"

    async def lock(self) -> None:
        """Lock the directory for this process.

        Raises:
            BrokerError: another process holds it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock_file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BrokerError(
                f"cannot use {self.path} for Kafka's data: {error.strerror}; "
                "make it writable for this user, or set broker.data_dir to a folder that is"
            ) from None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._take()
        except TimeoutError:
            owner = os.read(self.lock_file, 32).decode(errors="replace").strip() or "unknown"
            self.unlock()
            raise BrokerError(
                f"{self.path} belongs to a Kafka that process {owner} started; end that one, or set broker.data_dir"
            ) from None
        os.ftruncate(self.lock_file, 0)
        os.pwrite(self.lock_file, str(os.getpid()).encode(), 0)

    async def _take(self) -> None:
        import fcntl  # noqa: PLC0415  # not on every system

        while True:
            try:
                return fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.1)

    def unlock(self) -> None:
        """Release the directory."""
        if self.lock_file >= 0:
            os.close(self.lock_file)
        self.lock_file = -1
