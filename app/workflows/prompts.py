"""Prompt templates: Jinja2, sandboxed, with unknown names refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import ConfigurationError, PromptError

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


class Prompt:
    """One compiled template."""

    def __init__(self, source: str, *, where: str) -> None:
        """Compile `source`; `where` names it in errors.

        Raises:
            ConfigurationError: the template is malformed.
        """
        self._where = where
        try:
            self._template: Template = _ENVIRONMENT.from_string(source)
        except TemplateError as error:
            raise ConfigurationError(f"{where}: {error}") from None

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text for this context.

        Raises:
            PromptError: it names what the context has not, or does what the sandbox forbids.
        """
        try:
            return self._template.render(context).strip()
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise PromptError(f"{self._where}: {error}") from None
