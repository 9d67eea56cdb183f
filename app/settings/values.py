"""Kinds of values in settings, and the base of all sections."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
)

from app.durations import EXAMPLES, parse_duration


def _seconds(value: object) -> object:
    """Read a duration as seconds; a number is seconds already."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError(f"give {EXAMPLES}")  # noqa: TRY004  # pydantic turns it into a finding
    return parse_duration(value)


def p95_or_seconds(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Report in one line what is allowed here, not what is wrong with each alternative."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(f"give p95, or {EXAMPLES}") from None


def upper(value: object) -> object:
    """Return a text in capitals; what is none is left to pydantic."""
    return value.upper() if isinstance(value, str) else value


_DURATION = BeforeValidator(_seconds, json_schema_input_type=float | str)
Seconds = Annotated[float, _DURATION, Field(gt=0, allow_inf_nan=False)]
#: A duration that may be 0.
Delay = Annotated[float, _DURATION, Field(ge=0, allow_inf_nan=False)]


def _one_line(value: str) -> str:
    """Return a text without white space and byte order marks around it.

    Raises:
        ValueError: it has several lines; the message does not repeat it.
    """
    value = value.strip("\ufeff\u200b" + string.whitespace)
    if not value.isprintable():
        raise ValueError("has a line end or another control character in it: give one line")
    return value


#: An address, or a name that is sent.
OneLine = Annotated[str, AfterValidator(_one_line)]


def header_secret(value: str) -> str:
    """Return a key or a header's value without white space and byte order marks around it, which files leave there.

    Raises:
        ValueError: no HTTP header can carry it; the message does not repeat it.
    """
    value = _one_line(value)
    if not value.isascii():
        raise ValueError("has a character that is not ASCII, which no HTTP header can carry: copy it again")
    return value


def _secret(value: SecretStr) -> SecretStr:
    return SecretStr(header_secret(value.get_secret_value()))


#: A key of a model, or a header that it is sent.
HeaderSecret = Annotated[SecretStr, AfterValidator(_secret)]


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("give a network, as in 10.1.0.0/16 or fd00::/8") from None


#: Addresses, in CIDR notation.
Network = Annotated[str, AfterValidator(_network)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Inconsistent(ValueError):
    """Settings that do not fit together; `key` is the path from the section that found it to the wrong key."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


def _credentials(options: dict[str, Any]) -> Iterator[str]:
    """Yield what may be credentials in options; the component validates them later."""
    headers = options.get("headers")
    if isinstance(headers, dict):
        yield from (text for text in headers.values() if isinstance(text, str))


def _passwords(address: str) -> Iterator[str]:
    """Yield the password in a URL, as it is written and decoded."""
    with suppress(ValueError):  # it is not a URL
        if password := urlsplit(address).password:
            yield from {password, unquote(password)}


def _several(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, tuple) else (value,)


class Section(BaseModel):
    """The base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def secrets(self) -> Iterator[str]:
        """Yield every secret in it, for the redaction of logs."""
        for name, value in self:
            if name == "options":
                yield from _credentials(value)
                continue
            for one in _several(value):
                if isinstance(one, SecretStr):
                    yield one.get_secret_value()
                elif isinstance(one, Section):
                    yield from one.secrets()
                elif isinstance(one, str) and "://" in one:
                    yield from _passwords(one)
