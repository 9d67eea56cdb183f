"""What a broker says of itself: the version of its protocol, and what this login may do with its topics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from app.brokers.base import Connection
from app.brokers.reachability import connect

#: The newest version of Fetch, and the first Apache Kafka that has it.
_FETCH, _VERSIONS = 1, {18: "4.1", 17: "3.9", 16: "3.7", 15: "3.5", 13: "3.1", 12: "2.7", 11: "2.3"}
_METADATA, _WITH_OPERATIONS = 3, 8
#: The codes of operations in Kafka's ACLs.
_OPERATIONS = {3: "Read", 4: "Write", 5: "Create", 6: "Delete", 7: "Alter", 8: "Describe", 10: "DescribeConfigs"}
_UNKNOWN = -(2**31)


class _MetadataResponse(Response):
    API_KEY, API_VERSION = _METADATA, _WITH_OPERATIONS
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _MetadataRequestStruct(RequestStruct):
    API_KEY, API_VERSION = _METADATA, _WITH_OPERATIONS
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):
    API_KEY = _METADATA

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = [*topics]

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003  # as the schema has them


async def protocol_version(connection: Connection) -> str:
    """Return the oldest Apache Kafka that has the protocol of the broker; empty if it is older than all we know.

    Raises:
        BrokerError: no broker answers.
    """
    conn = await connect(connection)
    try:
        newest = (await _api_versions(conn)).get(_FETCH, 0)
    finally:
        conn.close()
    return next((version for fetch, version in _VERSIONS.items() if newest >= fetch), "")


async def allowed_operations(connection: Connection, topics: Collection[str]) -> Mapping[str, frozenset[str]] | None:
    """Return what this login may do with each of these topics that it may see; None if the broker does not tell.

    Raises:
        BrokerError: no broker answers.
    """
    conn = await connect(connection)
    try:
        if (await _api_versions(conn)).get(_METADATA, 0) < _WITH_OPERATIONS:
            return None
        found = (await conn.send(_MetadataRequest(topics))).topics
    finally:
        conn.close()
    if any(bits == _UNKNOWN for *_, bits in found):
        return None
    return {name: _operations(bits) for error, name, _, _, bits in found if not error}


async def _api_versions(conn: AIOKafkaConnection) -> dict[int, int]:
    answer: Any = await conn.send(ApiVersionRequest())
    return {key: newest for key, _, newest in answer.api_versions}


def _operations(bits: int) -> frozenset[str]:
    return frozenset(name for code, name in _OPERATIONS.items() if bits & 1 << code)
