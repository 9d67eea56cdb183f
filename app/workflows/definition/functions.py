"""A user's functions as connectors: arguments are validated by type hints, results become JSON."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import to_jsonable_python

from app.errors import ConnectorError

F = TypeVar("F", bound=Callable[..., Any])
_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def function(call: F) -> F:
    """Make `call`, plain or async, usable as a connector.

    Its package registers it under the entry point group `meta_ai_orchestrator.connectors`; a step's arguments
    are its keywords. They are validated by its type hints, and what it returns becomes JSON: pydantic models,
    dataclasses, times and sets included.

    Raises:
        TypeError: it has parameters that cannot be given by name.
    """
    form = _form(call)
    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def wrapper(**arguments: Any) -> Any:
            return to_jsonable_python(await call(**_checked(form, arguments)))
    else:

        @functools.wraps(call)
        def wrapper(**arguments: Any) -> Any:
            return to_jsonable_python(call(**_checked(form, arguments)))

    return wrapper  # type: ignore[return-value]  # it takes what `call` takes


def _form(call: Callable[..., Any]) -> type[BaseModel]:
    """Return a model with a field for each parameter; fields are numbered, so that any name can be one."""
    hints = get_type_hints(call, include_extras=True)
    fields: dict[str, Any] = {}
    for place, (name, parameter) in enumerate(inspect.signature(call).parameters.items()):
        if parameter.kind not in _NAMED:
            raise TypeError(f"{call.__name__}: the parameter {name} cannot be given by name")
        fields[f"field_{place}"] = (hints.get(name, Any), _field(name, parameter.default))
    made: type[BaseModel] = create_model(call.__name__, __config__=_CONFIG, **fields)
    return made


def _field(name: str, default: Any) -> Any:
    return Field(alias=name) if default is inspect.Parameter.empty else Field(default=default, alias=name)


def _checked(form: type[BaseModel], arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        given = form.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, ("arguments", *first["loc"])))
        raise ConnectorError(f"{where}: {first['msg']}") from None
    return {str(field.alias): getattr(given, name) for name, field in form.model_fields.items()}
