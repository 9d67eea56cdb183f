"""The settings, followed by the secrets that they refer to: read again when they change, without a restart."""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from app.configuration.environment import fill_credentials, override
from app.configuration.substitution import SecretReader, substitute
from app.configuration.validation import validate
from app.errors import OrchestratorError
from app.settings import Settings
from app.source.syntax import Document

S = TypeVar("S")

log = logging.getLogger(__name__)

#: However often a secret is refused: between two readings there are so many seconds.
_BETWEEN = 1.0
#: So many former values of secrets are still redacted in logs: calls under way, and errors about them, may have them.
_REMEMBERED = 100


class LiveSettings:
    """Settings as a file and the environment say; those that refer to secrets outside of the process change with them.

    Raises:
        ConfigurationError: as `app.configuration.load`.
    """

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._reader = SecretReader(environ)
        self._read_at = -_BETWEEN
        self._reading = asyncio.Lock()
        self.settings = self._resolve()
        #: Every secret that was in force, for the redaction of logs; the last ones.
        self.secrets: list[str] = list(self.settings.secrets())
        #: Called when secrets have changed.
        self.changed: Callable[[], None] = lambda: None

    def refers(self, *key: str) -> bool:
        """Whether what is configured under this key refers to a secret that may change."""
        return any(place[: len(key)] == key for place in self._reader.places)

    def part(self, choose: Callable[[Settings], S]) -> LivePart[S]:
        """Return a part of the settings, which changes with them."""
        return LivePart(self, choose)

    async def follow(self) -> None:
        """Read the secrets again, as often as the settings say, until cancelled."""
        while self._reader.places:
            await asyncio.sleep(self.settings.secret_sources.refresh)
            await self.renew()

    async def renew(self) -> None:
        """Return when the secrets were read again, at most once a second; one reading serves all who ask meanwhile."""
        asked = time.monotonic()
        async with self._reading:
            if self._read_at >= asked:
                return
            await asyncio.sleep(self._read_at + _BETWEEN - asked)
            self._read_at = time.monotonic()
            changed = await asyncio.to_thread(self._reader.reread)
            if changed:
                self._take_in()

    def _take_in(self) -> None:
        try:
            settings = self._resolve()
        except OrchestratorError as error:  # it names the key, and no value
            log.error("a secret has changed, and is not valid: %s", error)  # noqa: TRY400  # says it all
            return
        self.settings = settings
        new = [one for one in settings.secrets() if one not in self.secrets]
        self.secrets = [*self.secrets, *new][-max(_REMEMBERED, len(new)) :]
        self.changed()

    def _resolve(self) -> Settings:
        document = copy.deepcopy(self._document)
        substitute(document, self._reader)
        override(document, self._environ)
        return fill_credentials(validate(document), self._environ)


class LivePart(Generic[S]):
    """A part of live settings, as `app.rotation.Live` has it."""

    def __init__(self, live: LiveSettings, choose: Callable[[Settings], S]) -> None:
        self._live = live
        self._choose = choose

    @property
    def value(self) -> S:
        """The part as it is now."""
        return self._choose(self._live.settings)

    async def renew(self) -> None:
        """Read the secrets again."""
        await self._live.renew()
