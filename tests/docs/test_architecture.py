from __future__ import annotations

import agents
from tests.docs.pages import ROOT, codes, table, text

PAGE = "docs/architecture.md"


def test_every_agent_is_described_with_its_topic() -> None:
    shown = {codes(row[0])[0]: codes(row[1])[0] for row in table(PAGE, "agent", "reads", "what it does")}
    assert shown == {agent.name: agent.topic.name for agent in agents.ALL}


def test_every_room_is_in_the_house() -> None:
    rooms = [path.parent.name for path in (ROOT / "app").glob("*/__init__.py")]
    assert rooms
    assert not [room for room in rooms if f"  {room}/" not in text(PAGE)]
