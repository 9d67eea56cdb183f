"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
TimeoutOption = Annotated[float, typer.Option(min=0.1, help="How many seconds to wait at most.")]
BrokerKind = Literal["embedded", "kafka", "cluster"]
BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="embedded (memory only), kafka (durable, on this machine) or cluster."),
]
