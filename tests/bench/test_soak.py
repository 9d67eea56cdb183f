from __future__ import annotations

import pytest

from bench.soak import ResourceSample, grown


def samples(*, tasks: float = 0.0, connections: float = 0.0, rss: float = 0.0) -> list[ResourceSample]:
    """Return 40 samples, each figure growing by so much of itself from the first to the last."""
    return [
        ResourceSample(
            number,
            round(2000 * (1 + tasks * number / 40)),
            round(1500 * (1 + connections * number / 40)),
            200 * (1 + rss * number / 40),
        )
        for number in range(40)
    ]


def test_what_is_steady_has_not_grown() -> None:
    assert grown(samples()) == []


def test_noise_is_no_growth() -> None:
    assert grown(samples(tasks=0.05, connections=0.1, rss=0.1)) == []


@pytest.mark.parametrize(
    ("found", "name"),
    [(samples(tasks=0.5), "tasks"), (samples(connections=0.5), "connections"), (samples(rss=0.5), "RSS MiB")],
)
def test_what_is_higher_in_the_last_quarter_than_in_the_second_has_grown(
    found: list[ResourceSample], name: str
) -> None:
    (line,) = grown(found)
    assert line.startswith(f"{name} grew from")


def test_what_grows_at_the_start_alone_is_the_warming_up() -> None:
    warming = [ResourceSample(number, 2000, 1500, 100.0 + min(number, 9) * 20) for number in range(40)]
    assert grown(warming) == []
