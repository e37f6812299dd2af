"""The worked learning rates of the released code."""

import pytest

from cadrage.training.engine.evaluators.module import warm_cosine


@pytest.mark.parametrize(
    ("epoch", "epochs", "factor"),
    [
        (0, 80, 0.2),
        (1, 80, 0.4),
        (4, 80, 1.0),
        (5, 80, 1.0),
        (6, 80, 0.999561),
        (40, 80, 0.552264),
        (79, 80, 0.000439),
        (29, 30, 0.003943),
        # Shorter than the warm-up.
        (2, 3, 0.6),
    ],
)
def test_the_rate_rises_for_five_epochs_and_falls_like_a_cosine(epoch, epochs, factor):
    assert warm_cosine(epoch, epochs) == pytest.approx(factor, abs=5e-7)
