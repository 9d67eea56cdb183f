"""Logistic regression with a ridge, by Newton's method (iteratively reweighted least squares).

Source: T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2nd ed., section 4.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 100
_HALVINGS = 30
_ENOUGH = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The log-odds of 1 as a linear function: `intercept`, and `coefficients` of shape (columns,)."""

    intercept: float
    coefficients: Floats

    def predict(self, x: Floats) -> Floats:
        """Return the probabilities of 1, of shape (rows,), for `x` of shape (rows, columns)."""
        return _sigmoid(self.intercept + x @ self.coefficients)


def fit(x: Floats, y: Floats, ridge: float) -> Line:
    """Return the line that makes `y` (0 or 1, shape (rows,)) likeliest, given `x` of shape (rows, columns).

    `ridge`, above 0, is half the price of a squared coefficient; columns count as standardised (mean 0,
    deviation 1) for that, and the intercept is free.

    Raises:
        ValueError: `y` has only one of 0 and 1, so that the intercept has no bound.
    """
    if not 0 < y.mean() < 1:
        raise ValueError("both outcomes must be there")
    means, spreads = x.mean(axis=0), x.std(axis=0)
    spreads[spreads == 0] = 1.0
    columns = np.column_stack([np.ones(len(x)), (x - means) / spreads])
    found = _newton(_Problem(columns, y, np.array([0.0, *[ridge] * x.shape[1]])))
    coefficients = found[1:] / spreads
    return Line(float(found[0] - coefficients @ means), coefficients)


def log_loss(y: Floats, probabilities: Floats) -> float:
    """Return the mean negative log-likelihood of `y`."""
    sure = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return float(-np.mean(y * np.log(sure) + (1 - y) * np.log1p(-sure)))


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """What is minimised: the negative log-likelihood of `y`, and the ridge of each column."""

    x: Floats
    y: Floats
    ridge: Floats

    def price(self, at: Floats) -> float:
        odds = self.x @ at
        return float(np.sum(np.logaddexp(0, odds) - self.y * odds) + (self.ridge * at) @ at / 2)

    def step(self, at: Floats) -> tuple[Floats, float]:
        """Return Newton's step from `at`, and about twice what it lowers the price by."""
        p = _sigmoid(self.x @ at)
        slope = self.x.T @ (p - self.y) + self.ridge * at
        curvature = (self.x.T * (p * (1 - p))) @ self.x + np.diag(self.ridge)
        step: Floats = np.linalg.solve(curvature, slope).astype(np.float64)
        return step, float(slope @ step)


def _newton(problem: _Problem) -> Floats:
    at: Floats = np.zeros(problem.x.shape[1])
    for _ in range(_STEPS):
        step, gain = problem.step(at)
        if gain < _ENOUGH:
            break
        at = _descend(problem, at, step)
    return at


def _descend(problem: _Problem, at: Floats, step: Floats) -> Floats:
    """Return the end of the longest halving of a step that lowers the price; `at` itself if none does."""
    price = problem.price(at)
    for halving in range(_HALVINGS):
        there = at - step * 0.5**halving
        if problem.price(there) < price:
            return there
    return at


def _sigmoid(odds: Floats) -> Floats:
    probabilities: Floats = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    return probabilities
