from __future__ import annotations

import numpy as np
import pytest

from app.routing import logistic
from app.routing.logistic import Floats


def _drawn(rows: int, weights: list[float], intercept: float, seed: int = 1) -> tuple[Floats, Floats]:
    lots = np.random.default_rng(seed)
    x = lots.normal(size=(rows, len(weights)))
    odds = intercept + x @ np.array(weights)
    return x, (lots.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)


def test_what_made_the_data_is_found_again() -> None:
    x, y = _drawn(20_000, [1.5, -0.7, 0.0], -0.4)
    line = logistic.fit(x, y, 1e-3)
    # Standard errors are below 0.03 with so many rows.
    assert line.intercept == pytest.approx(-0.4, abs=0.1)
    assert line.coefficients == pytest.approx([1.5, -0.7, 0.0], abs=0.1)


def test_the_slope_vanishes_at_what_is_found() -> None:
    x, y = _drawn(300, [0.5, 2.0], 0.3)
    ridge, line = 5.0, logistic.fit(x, y, 5.0)
    spreads = x.std(axis=0)
    missed = line.predict(x) - y
    assert missed.sum() == pytest.approx(0, abs=1e-5)
    standardised = (x - x.mean(axis=0)) / spreads
    assert standardised.T @ missed + ridge * line.coefficients * spreads == pytest.approx([0, 0], abs=1e-4)


def test_data_that_a_line_separates_has_a_finite_fit() -> None:
    x = np.arange(10.0)[:, None]
    line = logistic.fit(x, (x[:, 0] > 4).astype(float), 0.01)
    assert np.isfinite(line.coefficients).all()
    assert ((line.predict(x) > 0.5) == (x[:, 0] > 4)).all()


def test_a_larger_ridge_makes_coefficients_smaller() -> None:
    x, y = _drawn(200, [1.0, -1.0], 0.0)
    sizes = [np.linalg.norm(logistic.fit(x, y, ridge).coefficients) for ridge in (0.1, 10, 1000)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_unit_of_a_column_does_not_matter_nor_a_column_that_never_changes() -> None:
    x, y = _drawn(200, [1.0, -1.0], 0.2)
    plain = logistic.fit(x, y, 3.0)
    other = logistic.fit(np.column_stack([x * [1000, 0.01] + [7, -2], np.full(200, 5.0)]), y, 3.0)
    assert other.predict(np.column_stack([x * [1000, 0.01] + [7, -2], np.full(200, 5.0)])) == pytest.approx(
        plain.predict(x), abs=1e-6
    )


def test_more_columns_than_rows_are_no_trouble() -> None:
    x, y = _drawn(40, [1.0] * 100, 0.0)
    assert np.isfinite(logistic.fit(x, y, 10.0).predict(x)).all()


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_outcome_alone_is_refused(outcome: float) -> None:
    with pytest.raises(ValueError, match="both outcomes"):
        logistic.fit(np.ones((5, 1)), np.full(5, outcome), 1.0)


def test_the_log_loss_is_that_of_the_definition() -> None:
    y, p = np.array([1.0, 0.0]), np.array([0.8, 0.4])
    assert logistic.log_loss(y, p) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert np.isfinite(logistic.log_loss(y, np.array([0.0, 1.0])))
