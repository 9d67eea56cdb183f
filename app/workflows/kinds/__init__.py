"""What each kind of step does when it begins, when it gets an answer, and when time passes: one file for each."""

from __future__ import annotations

from collections.abc import Mapping

from app.workflows.kinds.ask import AskKind
from app.workflows.kinds.base import StepKind
from app.workflows.kinds.child import ChildKind
from app.workflows.kinds.connect import ConnectorKind
from app.workflows.kinds.decide import DecideKind
from app.workflows.kinds.map import MapKind
from app.workflows.kinds.retrieve import RetrieveKind
from app.workflows.kinds.transform import TransformKind
from app.workflows.kinds.wait import WaitKind

KINDS: Mapping[str, StepKind] = {
    "ask": AskKind(),
    "connector": ConnectorKind(),
    "decide": DecideKind(),
    "map": MapKind(),
    "retrieve": RetrieveKind(),
    "transform": TransformKind(),
    "wait": WaitKind(),
    "workflow": ChildKind(),
}
