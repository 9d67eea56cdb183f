"""A broker as a child process that never outlives this process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.brokers.base import Connection
from app.brokers.reachability import check_reachable
from app.errors import BrokerError

# The pipe on its input closes however this process ends: then the broker must end too.
_WATCHDOG = 'read -r _; kill -TERM "$1" 2>/dev/null && sleep 15 && kill -KILL "$1" 2>/dev/null'

#: What an operating system says, whatever the broker's language, and what to do.
_FIXES = {
    "No space left on device": "free some space, or set broker.data_dir to a folder with more",
    "Permission denied": "make broker.data_dir and all in it writable for this user, or set it to another folder",
    "Read-only file system": "set broker.data_dir to a folder that can be written",
    "Address already in use": "set broker.port to another port, or to 0",
}


class BrokerProcess:
    """A running broker, with its output in the file `log`.

    It has its own session, so that Ctrl-C reaches only this process, which stops it gracefully. It is not bound to
    an event loop: one loop may start it and another stop it.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        keep_open: Iterable[int] = (),
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603  # the commands are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                pass_fds=tuple(keep_open),
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(  # noqa: S603  # likewise
            ["/bin/sh", "-c", _WATCHDOG, "watch", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the broker is running."""
        return self._process.poll() is None

    @property
    def ending(self) -> str | None:
        """How it ended, as in `was ended by signal 9 (Killed)`; None while it is running."""
        code = self._process.poll()
        if code is None:
            return None
        return f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"exited with code {code}"

    def last_words(self) -> str:
        """Return the end of the output, for an error message."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").split("\n")
            return "\n".join(line for line in lines[-15:] if line.strip())
        return ""

    def _cause(self) -> str:
        """Return why it does not run: one that is known, or else the end of its output."""
        words = self.last_words()
        known = next((f": {cause}; {fix}" for cause, fix in _FIXES.items() if cause in words), "")
        return known or f":\n{words}"

    async def answers(self, connection: Connection, *, seconds: float) -> None:
        """Wait until the broker answers; if it does not, it is stopped.

        Raises:
            BrokerError: it ended, or did not answer in time.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._until_reachable(connection)
        except TimeoutError:
            await self.kill()
            raise BrokerError(f"the broker did not start within {seconds:g} s{self._cause()}") from None
        except BaseException:
            await self.kill()
            raise

    async def _until_reachable(self, connection: Connection) -> None:
        while self.running:
            with contextlib.suppress(BrokerError):
                return await check_reachable(connection, seconds=1.0)
            await asyncio.sleep(0.02)
        raise BrokerError(f"the broker exited during its start{self._cause()}")

    async def stop(self, grace: float) -> None:
        """Stop it gracefully, or kill it after `grace` seconds."""
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
        await self._gone()

    async def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        self._process.kill()
        await self._gone()

    async def _gone(self) -> None:
        await asyncio.to_thread(self._process.wait)
        self._watchdog.kill()
        await asyncio.to_thread(self._watchdog.communicate)
