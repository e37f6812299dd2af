import numpy as np
import pytest

from cadrage.evaluation.metrics.coverage import coverage

NOTHING = np.empty((0, 4))
LEFT, RIGHT, WHOLE = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])


def test_worked_numbers():
    truths = np.stack([LEFT, RIGHT])
    assert coverage(np.stack([LEFT, WHOLE]), truths, 1) == pytest.approx((1 + 0) / 2)
    assert coverage(np.stack([LEFT, WHOLE]), truths, 2) == pytest.approx((1 + 1 / 2) / 2)
    assert coverage(np.stack([WHOLE, LEFT, RIGHT]), truths, 3) == 1


def test_only_the_first_n_count():
    assert coverage(np.stack([RIGHT, LEFT]), LEFT[None], 1) == 0
    assert coverage(np.stack([RIGHT, LEFT]), LEFT[None], 2) == 1


def test_fewer_crops_than_asked_for_are_no_error():
    assert coverage(WHOLE[None], LEFT[None], 10) == coverage(WHOLE[None], LEFT[None], 1) == 0.5


def test_no_crops_cover_nothing_and_no_truths_are_undefined():
    assert coverage(NOTHING, LEFT[None], 5) == 0
    assert coverage(LEFT[None], NOTHING, 5) == 0
    assert coverage(NOTHING, NOTHING, 5) == 0


def test_at_least_one_crop_must_count():
    with pytest.raises(ValueError, match="N=0"):
        coverage(LEFT[None], LEFT[None], 0)
