"""How often a proposal is right, given how valid it is called and how large it is.

Platt scaling (Platt 1999) with the logarithm of the area as a second input: ``P(right) = 1 / (1 + exp(-(c + a
logit(validity) + b ln(area))))``. A model whose validity says all there is to say has a = 1 and b = c = 0; a model that
prefers large proposals without reason gets a b below 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadrage.evaluation.metrics.checks import Floats, expect_as_many, expect_scores

# Keeps the logarithms of a validity of 0 or 1 and of an empty box finite.
_LEAST = 1e-6
# The weight of the squared coefficients beside the summed log-loss: nothing where both outcomes occur at every value,
# and the reason why there is a solution where they do not.
_RIDGE = 1e-3
_STEPS = 100
_CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class AreaCalibration:
    """The fitted curve; ``per_logit`` is never below 0: of equally large proposals the more valid ranks no lower."""

    constant: float
    per_logit: float
    per_log_area: float

    def probabilities(self, validities: Floats, areas: Floats) -> Floats:
        """Probability ``(Q,)`` in [0, 1] that proposals are right, from ``validities (Q,)`` and ``areas (Q,)``.

        Raises:
            ValueError: there is not one area per validity, or a number is not finite.
        """
        return _sigmoid(_inputs(validities, areas) @ np.array([self.constant, self.per_logit, self.per_log_area]))


def fit_area_calibration(validities: Floats, areas: Floats, right: NDArray[np.bool_]) -> AreaCalibration:
    """The calibration of greatest likelihood among those that do not fall with validity.

    Args:
        validities: ``(N,)`` of the proposals of all photos together, in [0, 1].
        areas: ``(N,)`` fractions of the photo.
        right: ``(N,)`` whether each proposal met a crop that people chose.

    Raises:
        ValueError: there is no proposal, not one area and outcome each, or a number is not finite.
    """
    inputs = _inputs(validities, areas)
    expect_as_many(validities, right, "validities as outcomes")
    if not len(validities):
        raise ValueError("expected at least one proposal, got none")
    found = _newton(inputs, right)
    if found[1] < 0:
        # The log-loss is convex, so that the best curve within the limit lies on the limit.
        found = np.insert(_newton(inputs[:, [0, 2]], right), 1, 0.0)
    return AreaCalibration(*found.tolist())


def _inputs(validities: Floats, areas: Floats) -> Floats:
    expect_scores(validities, "validities")
    expect_scores(areas, "areas")
    expect_as_many(validities, areas, "validities as areas")
    inside = np.clip(validities, _LEAST, 1 - _LEAST)
    logits = np.log(inside) - np.log1p(-inside)
    return np.stack([np.ones_like(logits), logits, np.log(np.maximum(areas, _LEAST))], axis=1)


def _newton(inputs: Floats, right: NDArray[np.bool_]) -> Floats:
    """Coefficients ``(P,)`` that minimise the penalised log-loss: Newton's method with halved steps."""
    weights = np.zeros(inputs.shape[1])
    loss = _loss(weights, inputs, right)
    for _ in range(_STEPS):
        probabilities = _sigmoid(inputs @ weights)
        slope = inputs.T @ (probabilities - right) + _RIDGE * weights
        spread = probabilities * (1 - probabilities)
        bend = inputs.T @ (spread[:, None] * inputs) + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        while (shorter := _loss(weights - step, inputs, right)) > loss and np.abs(step).max() > _CONVERGED:
            step = step / 2
        if np.abs(step).max() <= _CONVERGED:
            break
        weights, loss = weights - step, shorter
    return weights


def _loss(weights: Floats, inputs: Floats, right: NDArray[np.bool_]) -> float:
    scores = inputs @ weights
    return float((np.logaddexp(0, scores) - right * scores).sum() + _RIDGE / 2 * weights @ weights)


def _sigmoid(scores: Floats) -> Floats:
    probabilities: Floats = np.exp(-np.logaddexp(0, -scores))
    return probabilities
