"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.times import parse_duration, parse_time

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; by default ./meta-ai.yaml, if there is one.")
]
ServersOption = Annotated[
    str | None, typer.Option("--bootstrap-servers", "-b", help="The broker: host:port, comma separated.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line, for programs.")]
StreamOption = Annotated[
    bool, typer.Option("--stream", help="Print answers as they are generated, where the workflow streams them.")
]
TimeoutOption = Annotated[
    float, typer.Option(parser=parse_duration, metavar="DURATION", help="How long to wait at most: 60s, 5m.")
]
SinceOption = Annotated[
    float | None,
    typer.Option(parser=parse_time, metavar="TIME", help="Only from this time on: 15m, 7d (ago), 2026-11-24T11:37Z."),
]
UntilOption = Annotated[
    float | None,
    typer.Option(parser=parse_time, metavar="TIME", help="Only until this time: 15m, 7d (ago), 2026-11-24T11:37Z."),
]
BrokerKind = Literal["embedded", "kafka", "cluster"]
BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="embedded (memory only), kafka (durable, on this machine) or cluster."),
]
