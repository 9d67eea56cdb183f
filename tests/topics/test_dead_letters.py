from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.topics.samples import events
from topics.dead_letters import DEAD_LETTERS, DeadLetter, original_headers

HEADERS = st.lists(st.tuples(st.text().filter(lambda name: not name.startswith("dl_")), st.binary()), max_size=4)


@given(events(DEAD_LETTERS), HEADERS)
def test_the_headers_carry_it_beside_those_of_the_original(
    letter: DeadLetter, original: list[tuple[str, bytes]]
) -> None:
    headers = [*original, *letter.headers()]
    assert DeadLetter.from_headers(headers) == letter
    assert original_headers(headers) == original


def test_the_id_is_the_place() -> None:
    letter = DeadLetter(topic="tasks", partition=3, offset=17, reason="invalid", error="x", agent="intake")
    assert letter.id == "tasks/3/17"
