"""Prompt templates: Jinja2, sandboxed, with unknown names refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from app.errors import ConfigurationError, PromptError


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, closed where our data would open it, and without chance: a replay renders the same."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        del self.globals["lipsum"], self.filters["random"]

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Show of a pydantic model its fields only: its methods can read files, and unpickle."""
        hidden = isinstance(obj, BaseModel) and attr not in type(obj).model_fields
        return not hidden and super().is_safe_attribute(obj, attr, value)


_ENVIRONMENT = _Sandbox()


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
        except Exception as error:  # noqa: BLE001  # a filter on a wrong type raises anything
            raise PromptError(f"{self._where}: {error}") from None
