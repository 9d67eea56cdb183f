"""What helps others to help: an installation described in files, without the secrets and the contents of events."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app.admin import dead_letter_records
from app.admin.consumer_group import inspect
from app.admin.doctor.base import Examination
from app.admin.doctor.packages import versions
from app.admin.doctor.registry import examine
from app.admin.doctor.topics import topic_configs
from app.admin.readiness import fetch_metrics
from app.client import topic_ranges
from app.client.client import Client
from app.configuration.editing import texts
from app.configuration.environment import CREDENTIALS, VARIABLES
from app.configuration.export import export, shown_url
from app.configuration.portable import portable
from app.errors import OrchestratorError
from app.models.http.endpoint import ambient_secrets
from app.redaction import REDACTED, Redact, redactor
from app.settings import Settings
from app.source.files import text as read_text
from app.source.syntax import parse
from topics import ALL, RESULTS

#: Of a secret in the environment, in characters.
_SHORTEST = 6
#: How much of a log, how many dead letters, and how many failed runs.
_LOG_LINES, _LETTERS, _FAILURES = 2000, 100, 100
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth|cookie|dsn", re.IGNORECASE)
#: What is a secret wherever it stands: passwords in addresses, headers with credentials, and keys by their form.
_SECRETS_BY_FORM = (
    re.compile(r"(?<=://)[^\s/@'\"]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{6,}|(?<=basic )[\w+/=]{6,}"),
    re.compile(r"(?i)(?:authorization|x-api-key|api-key|cookie)[\"']?\s*[:=]\s*[\"']?(?!\*{10})[^\s\"',;}]+"),
    re.compile(
        r"\b(?:sk|pk|rk|xox[abp]|gh[pousr]|whsec|mak)[-_][\w-]{8,}|\bAKIA[A-Z0-9]{12,}|\beyJ[\w-]{1,4000}\.[\w-]{1,4000}\.[\w-]*"
    ),
)


async def files(examined: Examination, config: Path | None, log: Path | None) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the text of each file of the bundle.

    What cannot be found out is said in its file, in place of what it would have.

    Raises:
        ConfigurationError: the file of the log cannot be read.
    """
    redact = _redactor(examined, config)
    yield "versions.json", redact(_json(versions()))
    yield "environment.json", redact(_json(_variables(examined.environ)))
    yield "configuration.json", redact(_json(export(examined.settings)))
    if config is not None:
        yield "configuration.yaml", redact(portable(read_text(config, what="a configuration"), config.name)[0])
    yield "doctor.json", redact(_json([asdict(one) async for one in examine(examined)]))
    metrics = await asyncio.to_thread(fetch_metrics, examined.http)
    yield "metrics.txt", redact(metrics if metrics is not None else f"no metrics at {examined.http}\n")
    if log is not None:
        yield "log.txt", redact(_end_of(log))
    if (client := examined.client) is not None:
        for name, read in _FROM_BROKER.items():
            try:
                yield name, redact(_json(await read(client)))
            except OrchestratorError as error:
                yield name, redact(_json({"error": str(error)}))


def _redactor(examined: Examination, config: Path | None) -> Redact:
    known = redactor(
        {
            *examined.settings.secrets(),
            *ambient_secrets(examined.environ),
            *_of_environment(examined.environ),
            *_of_settings(examined.settings),
            *_of_file(config),
        }
    )

    return lambda text: redact_by_form(known(text))


def redact_by_form(text: str) -> str:
    """Take out what looks like a secret, whether anybody knows it or not."""
    for pattern in _SECRETS_BY_FORM:
        text = pattern.sub(REDACTED, text)
    return text


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what may be a secret in the environment: by its name, in JSON of credentials, or in an address."""
    for name, value in environ.items():
        # A path is none, and `true` stands everywhere.
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST and not value.startswith("/"):
            yield value.strip()
        if name == CREDENTIALS:
            yield from re.findall(r'"([^"]{3,})"', value)
        yield from _in_address(value)


def _of_settings(settings: Settings) -> Iterator[str]:
    for key, text in texts(settings.model_dump(mode="json")):
        if "options" in key and any(isinstance(part, str) and _SECRET_NAME.search(part) for part in key):
            yield text
        yield from _in_address(text)


def _of_file(config: Path | None) -> Iterator[str]:
    """Yield the texts that are secrets by their key in the file, whether they apply or not."""
    if config is not None:
        text = read_text(config, what="a configuration")
        values = dict(texts(parse(text, config.name).value))
        yield from (values[key] for key in portable(text, config.name)[1].values())


def _in_address(text: str) -> Iterator[str]:
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that replace settings; of others that mean something here, only that they are set."""
    shown = {name: shown_url(environ[name]) for name in VARIABLES if environ.get(name)}
    others = sorted(name for name in environ if name.startswith(("META_AI_", "OTEL_", "LLM_", "OPENAI_", "ANTHROPIC_")))
    return shown | {name: "(set)" for name in others if environ[name]}


def _end_of(log: Path) -> str:
    """Return the last lines of a file."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        return "".join(deque(lines, maxlen=_LOG_LINES))


async def _topics(client: Client) -> Any:
    known = await client.partitions()
    there = [topic for topic in ALL if client.full_name(topic) in known]
    configs = await topic_configs(client, [client.full_name(topic) for topic in there])
    ranges = await client.bounds(there)
    return {
        name: {
            "partitions": known[name],
            "offsets": {place.partition: list(span) for place, span in ranges.items() if place.topic == name},
            "config": configs.get(name, {}),
        }
        for name in map(client.full_name, there)
    }


async def _group(client: Client) -> Any:
    return asdict(await inspect(client))


async def _dead_letters(client: Client) -> Any:
    found = [*(await dead_letter_records.read_all(client)).values()][-_LETTERS:]
    return [
        {
            "id": letter.id,
            "reason": letter.place.reason,
            "agent": letter.place.agent,
            "at": letter.place.timestamp,
            "error": letter.place.error,
            "replayed": letter.replayed,
            "bytes": len(letter.value or b""),
        }
        for letter in found
    ]


async def _failures(client: Client) -> Any:
    results = filter(None, map(RESULTS.event_in, await topic_ranges.read_last(client, _FAILURES, [RESULTS])))
    failed = sorted((one for one in results if one.error), key=lambda one: one.finished_at)[-_FAILURES:]
    steps = {one.task_id: [{"step": step.step, "status": step.status} for step in one.steps] for one in failed}
    return [
        {
            "task_id": one.task_id,
            "workflow": one.workflow,
            "version": one.workflow_version,
            "at": one.finished_at,
            "error": one.error and one.error.model_dump(),
            "steps": steps[one.task_id],
        }
        for one in failed
    ]


_FROM_BROKER = {
    "topics.json": _topics,
    "group.json": _group,
    "dead-letters.json": _dead_letters,
    "failed-runs.json": _failures,
}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n"


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return [*value] if isinstance(value, Iterable) else str(value)
