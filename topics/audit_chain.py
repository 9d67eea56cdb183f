"""`audit-chain`: the hash chain over `audit`, by which changed and missing records are found."""

from __future__ import annotations

from pydantic import Field

from topics.base import Event, Topic


class AuditLink(Event):
    """The link for the record at `offset` of a partition of `audit`: each partition has a chain of its own.

    `record` is the SHA-256 of the record's key and value, and `previous` the `digest` of the link before, empty in the
    first one. `digest` is the SHA-256 of the place, `record` and `previous`; if it is `keyed`, their HMAC-SHA-256.
    """

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    record: str
    previous: str = ""
    digest: str
    keyed: bool = False


AUDIT_CHAIN = Topic(
    name="audit-chain",
    event=AuditLink,
    type="meta_ai.audit_link",
    key="partition/offset of the record on audit",
    summary="The hash chain over the audit, by which `meta-ai audit verify` finds changed and missing records.",
)
