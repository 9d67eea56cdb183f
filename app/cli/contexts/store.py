"""The contexts of this user: a file in the user's folder of configurations, which only the user can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ConfigurationError
from app.suggestions import did_you_mean


class Context(BaseModel):
    """Where an orchestrator is: the address of its API with a reference to a key, or its broker.

    `key` is `env:NAME`, `file:PATH`, `keyring`, or empty; the key itself is never here. `config` is the configuration
    to use with a broker.
    """

    model_config = ConfigDict(frozen=True)

    api: str = ""
    key: str = ""
    bootstrap_servers: str = ""
    config: Path | None = None


class Contexts(BaseModel):
    """All contexts by name; commands use the `current` one where nothing else says what to use."""

    current: str = ""
    contexts: dict[str, Context] = Field(default_factory=dict)

    @classmethod
    def read(cls) -> Self:
        """Return what the file has; nothing if there is no file.

        Raises:
            ConfigurationError: it cannot be read.
        """
        path = location()
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        except ValidationError:
            raise ConfigurationError(f"{path} is damaged; move it away, and add the contexts again") from None

    def write(self) -> None:
        """Replace the file, as a whole and for nobody else to read.

        Raises:
            ConfigurationError: it cannot be written.
        """
        path = location()
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=1, exclude_defaults=True) + "\n")
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None

    def get(self, name: str) -> Context:
        """Return a context.

        Raises:
            ConfigurationError: there is none of this name.
        """
        if name not in self.contexts:
            hint = did_you_mean(name, self.contexts) if self.contexts else "add one: meta-ai context add"
            raise ConfigurationError(f"there is no context {name}; {hint}")
        return self.contexts[name]


def location() -> Path:
    """Return the path of the file: under XDG_CONFIG_HOME if it is set, or where the system has such files."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) / "meta-ai" if home else Path(typer.get_app_dir("meta-ai"))) / "contexts.json"
