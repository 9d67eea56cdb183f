"""`meta-ai keys`: the API keys of the gateway; whoever may write to the topic `api-keys` makes the first one so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from app.admin.publishing import current_user
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.times import parse_delay, parse_duration
from app.client import api_keys
from app.client.client import connect
from app.errors import ConfigurationError
from app.security.api_keys import OVERLAP, KeyRing, KnownKey, restricted
from app.security.key_card import KeyCard, ShownKey
from app.security.permissions import Roles
from app.settings import Settings
from app.suggestions import did_you_mean
from topics.api_keys import ApiKey, ApiKeyEvent

app = typer.Typer(add_completion=False, no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or how the key begins: mao_….")]


@app.command()
def create(  # noqa: PLR0913  # the options of the command
    owner: Annotated[str, typer.Argument(help="Whose key it is, for people.")],
    *,
    role: Annotated[
        list[str], typer.Option(help="viewer, submitter, operator, admin, or one of the configuration; repeatable.")
    ],
    tenant: Annotated[str | None, typer.Option(help="The only tenant that it sees and works for.")] = None,
    workflow: Annotated[
        list[str] | None, typer.Option(help="A workflow that it may use, or a pattern such as support-*; repeatable.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model that it may use, or a pattern; repeatable.")] = None,
    expires: Annotated[
        float | None, typer.Option(parser=parse_duration, metavar="DURATION", help="When it ends: 12h, 90d.")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="How often it may ask each gateway.")] = None,
    spend_limit: Annotated[
        float | None, typer.Option(min=0.0, metavar="USD", help="What its tasks may cost in each period.")
    ] = None,
    spend_period: Annotated[
        float, typer.Option(parser=parse_duration, metavar="DURATION", help="The period: 1d, 30d.")
    ] = 30 * 86400.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Create a key, and print it: it is shown this once, and kept nowhere."""
    output, settings, now = Output(programs=json), find(config, bootstrap_servers), datetime.now(UTC)
    if spend_limit == 0:
        raise ConfigurationError("--spend-limit: give more than 0, or leave it out for a key without a limit")
    roles = Roles(settings.gateway.security.roles)
    if unknown := [one for one in role if one not in roles]:
        raise ConfigurationError(f"--role: no role is called {unknown[0]}; {did_you_mean(unknown[0], roles.names)}")
    workflows, models = restricted(tuple(workflow) if workflow else None, tuple(model) if model else None)
    granted = ApiKey(
        owner=owner,
        tenant=tenant,
        roles=tuple(role),
        workflows=workflows,
        models=models,
        requests_per_minute=requests_per_minute,
        spend_limit=spend_limit,
        spend_period=spend_period,
        created_at=now,
        created_by=current_user(),
        expires_at=now + timedelta(seconds=expires) if expires else None,
        secrets=(),
    )
    _show(output, *run(_create(settings, granted)))


@app.command("list")
def list_keys(
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List the keys with what they allow; not the keys themselves, which nobody has but their owners."""
    output, found = Output(programs=json), list(run(_read(find(config, bootstrap_servers))).all())
    if json:
        for one in found:
            output.emit(KeyCard.of(one))
    elif found:
        columns = ("id", "owner", "tenant", "roles", "state", "expires", "used")
        output.table(columns, _rows(found, datetime.now(UTC)), keep=("id", "state"), expendable=("used", "expires"))
    else:
        output.say("no keys; create one with: meta-ai keys create OWNER --role admin")


@app.command()
def rotate(
    key: KeyArgument,
    *,
    overlap: Annotated[
        float, typer.Option(parser=parse_delay, metavar="DURATION", help="How long the old key is accepted, too.")
    ] = OVERLAP,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Replace a key by a new one that allows the same, and print it; for a while, both are accepted."""
    output = Output(programs=json)
    _show(output, *run(_rotate(find(config, bootstrap_servers), key, overlap)))


@app.command()
def revoke(
    key: KeyArgument,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Have a key refused from now on, by all gateways within a second, and for ever."""
    output = Output(programs=json)
    found = run(_revoke(find(config, bootstrap_servers), key))
    if json:
        output.emit(KeyCard.of(found))
    else:
        output.say(f"key {found.id} of {found.api_key.owner} is revoked")


async def _create(settings: Settings, granted: ApiKey) -> tuple[ApiKeyEvent, str]:
    async with connect(settings) as client:
        await api_keys.read(client)  # fails with what to do if there is no topic, which would be made with defaults
        return await api_keys.create(client, granted, granted.created_by)


async def _rotate(settings: Settings, name: str, overlap: float) -> tuple[ApiKeyEvent, str]:
    async with connect(settings) as client:
        found = _named(await api_keys.read(client), name)
        if not found.is_active(datetime.now(UTC)):
            raise ConfigurationError(f"the key {found.id} is revoked or has expired; create another")
        return await api_keys.rotate(client, found, overlap=overlap, actor=current_user())


async def _revoke(settings: Settings, name: str) -> KnownKey:
    async with connect(settings) as client:
        ring = await api_keys.read(client)
        found = _named(ring, name)
        if found.revoked_at is None:
            ring.add(await api_keys.revoke(client, found, current_user()))
        return _named(ring, name)


async def _read(settings: Settings) -> KeyRing:
    async with connect(settings) as client:
        return await api_keys.read(client)


def _named(ring: KeyRing, name: str) -> KnownKey:
    """Return the key of this id, or that begins so."""
    key_id = name.split("_")[1] if name.count("_") else name  # whoever has a leaked key has its id
    if found := ring.get(key_id):
        return found
    raise ConfigurationError(f"there is no key {key_id}; {did_you_mean(key_id, [one.id for one in ring.all()])}")


def _show(output: Output, event: ApiKeyEvent, key: str) -> None:
    ring = KeyRing()
    ring.add(event)
    for known in ring.all():
        if output.programs:
            output.emit(ShownKey(key=key, **dict(KeyCard.of(known))))
        else:
            output.say(key)
            output.note("this is shown once, and kept nowhere: store it now")


def _rows(found: list[KnownKey], now: datetime) -> Iterator[tuple[object, ...]]:
    for one in found:
        granted = one.api_key
        state = "revoked" if one.revoked_at else "active" if one.is_active(now) else "expired"
        tenant = "all" if granted.tenant is None else granted.tenant
        yield one.id, granted.owner, tenant, ", ".join(granted.roles), state, granted.expires_at, one.used_at
