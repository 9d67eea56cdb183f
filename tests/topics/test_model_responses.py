from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topics.model_responses import Usage

USAGES = st.builds(Usage, input_tokens=st.integers(0, 10**9), output_tokens=st.integers(0, 10**9))


@given(USAGES, USAGES)
def test_usages_add_up(one: Usage, two: Usage) -> None:
    total = one + two
    assert total.input_tokens == one.input_tokens + two.input_tokens
    assert total.output_tokens == one.output_tokens + two.output_tokens
    assert one + Usage() == one
