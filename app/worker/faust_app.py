"""The Faust application: the consumer group whose agents process the events."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faust
import faust.tables.manager
from faust.types.auth import CredentialsT
from yarl import URL

from app.brokers.base import Connection
from app.delivery.assignment.assignment import Assignments
from app.delivery.kafka.consumer import Transport
from app.delivery.kafka.fetch_pace import FetchPace
from app.settings import Settings
from topics.base import Topic


class NoTables(faust.tables.manager.TableManager):
    """Faust's table manager for an application without tables: it does not wait a second for some to appear."""

    async def on_start(self) -> None:
        """Let the consumer subscribe at once."""
        await self._update_channels()
        await self.recovery.start()


def build(settings: Settings, connection: Connection, assignments: Assignments, pace: FetchPace) -> Any:
    """Return the application, whose consumer commits finished offsets only; nothing is connected yet."""
    # The embedded broker lets a group's first member wait for half of its session time-out.
    session = settings.broker.session_timeout if connection.durable else min(2.0, settings.broker.session_timeout)
    app = faust.App(
        settings.app_id,
        broker=[URL(f"kafka://{server}") for server in connection.bootstrap_servers.split(",")],
        broker_credentials=_credentials(connection.client_options),
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_rebalance_timeout=max(30.0, session),
        broker_request_timeout=max(40.0, session),
        broker_commit_interval=settings.delivery.commit_interval,
        broker_max_poll_interval=3600.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=max(settings.topics.max_message_bytes, 1024 * 1024),
        # With a replica configured Faust uses its own assignor, which keeps partition n of all topics together.
        table_standby_replicas=1,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        web_enabled=False,
        autodiscover=False,
        store="memory://",
        datadir=Path(tempfile.gettempdir(), f"{settings.app_id}-faust"),  # nothing is kept there; the default is in "."
        TableManager=NoTables,
    )
    transport = Transport(app.conf.broker_consumer, app)
    transport.fetch_wait_ms = connection.fetch_wait_ms
    transport.pace = pace
    transport.assignments = assignments
    assignments.lease.seconds = session
    app.transport = transport
    return app


def channel(app: Any, settings: Settings, topic: Topic[Any]) -> Any:
    """Return Faust's topic for one of ours: raw bytes, since delivery parses them and handles failures."""
    return app.topic(
        settings.topics.prefix + topic.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
        partitions=settings.topics.partitions,
    )


def _credentials(options: Mapping[str, Any]) -> CredentialsT | None:
    context: ssl.SSLContext | None = options.get("ssl_context")
    if options.get("sasl_mechanism"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None
