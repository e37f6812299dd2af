import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.area_calibration import AreaCalibration, fit_area_calibration

CONSTANT, PER_LOGIT, PER_LOG_AREA = -0.4, 0.7, 1.5


def drawn(count, seed=0):
    """Proposals whose outcomes are drawn from the curve above."""
    generator = np.random.default_rng(seed)
    validities, areas = generator.uniform(0.01, 0.9, count), generator.uniform(0.1, 1, count)
    known = AreaCalibration(CONSTANT, PER_LOGIT, PER_LOG_AREA)
    return validities, areas, generator.random(count) < known.probabilities(validities, areas)


def test_a_known_curve_is_recovered():
    found = fit_area_calibration(*drawn(40_000))
    assert (found.constant, found.per_logit, found.per_log_area) == pytest.approx(
        (CONSTANT, PER_LOGIT, PER_LOG_AREA), abs=0.07
    )


def test_the_curve_worked_by_hand():
    # Odds of 3 at half of the photo: 3 ** 1 * .5 ** 2 = 3 / 4.
    curve = AreaCalibration(0.0, 1.0, 2.0)
    assert curve.probabilities(np.array([0.75]), np.array([0.5])) == pytest.approx([3 / 7])
    nothing_to_correct = AreaCalibration(0.0, 1.0, 0.0)
    assert nothing_to_correct.probabilities(np.array([0.2, 0.9]), np.array([0.1, 1])) == pytest.approx([0.2, 0.9])


def test_as_many_are_expected_to_be_right_as_are():
    validities, areas, right = drawn(500)
    expected = fit_area_calibration(validities, areas, right).probabilities(validities, areas)
    assert expected.sum() == pytest.approx(right.sum(), abs=0.01)
    assert (expected * np.log(areas)).sum() == pytest.approx((right * np.log(areas)).sum(), abs=0.01)


def test_a_validity_that_points_the_wrong_way_is_not_turned_round():
    validities, areas, right = drawn(2000)
    found = fit_area_calibration(1 - validities, areas, right)
    assert found.per_logit == 0
    # Area alone, then: the best curve on the limit.
    expected = found.probabilities(1 - validities, areas)
    assert expected.sum() == pytest.approx(right.sum(), abs=0.01)
    assert found.per_log_area > 1


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_alone_gives_finite_numbers(outcome):
    found = fit_area_calibration(np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.5]), np.full(3, outcome))
    said = found.probabilities(np.array([0.5]), np.array([0.5]))[0]
    assert 0 <= said <= 1 and (said > 0.5) == outcome


def test_the_order_of_the_proposals_does_not_matter():
    validities, areas, right = drawn(300)
    there, back = fit_area_calibration(validities, areas, right), fit_area_calibration(*map(np.flip, drawn(300)))
    assert there.per_log_area == pytest.approx(back.per_log_area, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_any_sample_gives_probabilities_that_do_not_fall_with_validity(rows):
    validities, areas, right = (np.array(column) for column in zip(*rows, strict=True))
    found = fit_area_calibration(validities, areas, right)
    said = found.probabilities(np.linspace(0, 1, 11), np.full(11, 0.5))
    assert np.isfinite(said).all() and said.min() >= 0 and said.max() <= 1
    assert (np.diff(said) >= 0).all()


def test_no_proposals():
    nothing = np.empty(0)
    with pytest.raises(ValueError, match="at least one proposal"):
        fit_area_calibration(nothing, nothing, np.empty(0, np.bool_))
    assert AreaCalibration(0.0, 1.0, 1.0).probabilities(nothing, nothing).shape == (0,)


def test_one_area_and_outcome_per_finite_validity():
    one, two = np.array([0.5]), np.array([0.5, 0.5])
    for arguments in ((one, two, one > 0), (two, two, one > 0), (np.array([np.nan]), one, one > 0)):
        with pytest.raises(ValueError, match=r"as many|finite"):
            fit_area_calibration(*arguments)
