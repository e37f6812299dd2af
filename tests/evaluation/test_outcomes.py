import numpy as np
import pytest

from cadrage.evaluation.outcomes import AreaBand, Outcomes, by_area, outcomes, pooled

LEFT, SLIM, WHOLE = [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.375, 1.0], [0.0, 0.0, 1.0, 1.0]


def test_right_is_what_people_chose_up_to_the_limit():
    # The slim box overlaps the left half by exactly 3/4.
    found = outcomes(np.array([LEFT, SLIM, WHOLE]), np.array([0.3, 0.2, 0.1]), np.array([LEFT]))
    assert found.right.tolist() == [True, True, False]
    assert found.areas.tolist() == [0.5, 0.375, 1]
    assert outcomes(np.array([SLIM]), np.ones(1), np.array([LEFT]), iou=0.76).right.tolist() == [False]


def test_without_a_crop_nothing_is_right_or_wrong():
    with pytest.raises(ValueError, match="at least one truth"):
        outcomes(np.array([LEFT]), np.ones(1), np.empty((0, 4)))


def test_bands_worked_by_hand():
    one = Outcomes(np.array([0.2, 0.4]), np.array([0.1, 0.49]), np.array([True, False]))
    other = Outcomes(np.array([0.8]), np.array([0.5]), np.array([True]))
    small, large, empty = by_area(pooled([one, other]), (0.0, 0.5, 0.9, np.inf))
    assert (small.from_area, small.share, small.validity, small.right) == pytest.approx((0, 2 / 3, 0.3, 0.5))
    assert (large.from_area, large.share, large.validity, large.right) == pytest.approx((0.5, 1 / 3, 0.8, 1))
    assert empty == AreaBand(0.9, 0.0, None, None)


def test_no_proposals_leave_every_band_empty():
    nothing = outcomes(np.empty((0, 4)), np.empty(0), np.array([LEFT]))
    assert by_area(nothing, (0.0, 0.5, np.inf)) == (AreaBand(0.0, 0.0, None, None), AreaBand(0.5, 0.0, None, None))
