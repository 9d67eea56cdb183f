"""The runtime process of GitHub Copilot's SDK: started once, with minimal access."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import MissingDependency
from app.models.http.errors import ErrorTranslator

INSTALL = 'pip install "meta-ai-orchestrator[copilot]"'

#: The environment variables it gets; the others may hold unrelated keys.
_ENVIRONMENT = (
    "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LOCALAPPDATA", "NODE_EXTRA_CA_CERTS", "NO_PROXY", "PATH",
    "SSL_CERT_FILE", "SYSTEMROOT", "TEMP", "TMPDIR", "USERPROFILE", "XDG_CACHE_HOME",
)  # fmt: skip


@dataclass
class Runtime:
    """One running `program`, for one model; with `base_url` it calls an OpenAI-compatible server, and nothing else.

    It stores every conversation in plain text, so it gets a directory that only its owner can read; each session is
    deleted after its call, and the directory when the runtime is closed.
    """

    program: Path
    model: str
    base_url: str | None
    key: str = field(repr=False)
    errors: ErrorTranslator = field(repr=False)
    _client: Any = field(default=None, init=False, repr=False)
    _home: str | None = field(default=None, init=False, repr=False)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    _deletions: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    async def session(self, instructions: str) -> Any:
        """Return a session without tools, whose whole system message is `instructions`.

        Raises:
            Unavailable: the program cannot be started, or refuses the session.
            MissingDependency: the SDK is not installed.
        """
        client = await self._ensure_started()
        try:
            return await client.create_session(
                model=self.model,
                system_message={"mode": "replace", "content": instructions},
                streaming=True,
                available_tools=[],
                on_permission_request=_reject,
                provider=self._provider(),
                infinite_sessions={"enabled": False},
                enable_session_telemetry=False,
            )
        except Exception as problem:  # noqa: BLE001  # the SDK documents no exceptions
            if self._client is client:  # it may have died: the next call starts a new one
                self._client = None
                await self._stop(client)
            raise self.errors.broken(f"no session: {problem}") from None

    def forget(self, session: Any) -> None:
        """End the session and delete its files in the background; `close` waits for it."""
        task = asyncio.create_task(self._delete_session(session))
        self._deletions.add(task)
        task.add_done_callback(self._deletions.discard)

    async def close(self) -> None:
        """End the program, and delete what it kept."""
        await asyncio.gather(*self._deletions, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await self._stop(client)
        home, self._home = self._home, None
        if home is not None:
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)

    async def _ensure_started(self) -> Any:
        async with self._starting:
            if self._client is None:
                client = self._create_client()
                try:
                    await client.start()
                except BaseException as problem:
                    await self._stop(client)
                    if not isinstance(problem, Exception):
                        raise
                    raise self.errors.broken(f"{self.program.name} cannot be started: {problem}") from None
                self._client = client
            return self._client

    def _create_client(self) -> Any:
        try:
            from copilot import CopilotClient, RuntimeConnection  # noqa: PLC0415  # optional
        except ImportError:
            raise MissingDependency(INSTALL) from None
        self._home = self._home or tempfile.mkdtemp(prefix="meta-ai-copilot-")
        return CopilotClient(
            connection=RuntimeConnection.for_stdio(path=str(self.program)),
            mode="empty",  # no tools, skills or instructions from a directory
            base_directory=self._home,
            working_directory=self._home,
            env=self._environment(),
            github_token=None if self.base_url else self.key,
            use_logged_in_user=False,
            log_level="error",
        )

    def _environment(self) -> dict[str, str]:
        given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        given["COPILOT_GITHUB_TELEMETRY_DISABLED"] = "true"
        if self.base_url:
            given |= {"COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_BASE_URL": self.base_url}
            given["COPILOT_MODEL"] = self.model
        return given

    def _provider(self) -> dict[str, str] | None:
        if not self.base_url:
            return None
        return {"type": "openai", "wire_api": "completions", "base_url": self.base_url, "api_key": self.key}

    async def _delete_session(self, session: Any) -> None:
        client = self._client
        if client is None:
            return
        try:
            await session.abort()
            await session.disconnect()
            await client.delete_session(session.session_id)
        except Exception:  # noqa: BLE001, S110  # the program is gone; `close` deletes everything
            pass

    async def _stop(self, client: Any) -> None:
        process = getattr(client, "_process", None)
        try:
            await client.stop()
        except Exception:  # noqa: BLE001  # it raises an exception group
            await client.force_stop()
        # SDK 1.0.25 leaves them open, until the garbage collector finds them.
        for pipe in (process.stdin, process.stdout, process.stderr) if process else ():
            if pipe:
                pipe.close()


def _reject(*_: Any) -> Any:
    from copilot.rpc import PermissionDecisionReject  # noqa: PLC0415  # optional

    return PermissionDecisionReject(feedback="nothing is allowed here")


def find_runtime() -> Path:
    """Return the installed runtime.

    Raises:
        MissingDependency: it is not installed.
    """
    found = shutil.which("copilot")
    if found is None:
        raise MissingDependency("npm install -g @github/copilot@1.0.102")
    return Path(found)
