import numpy as np
import pytest

from cadrage.evaluation.metrics.validity_quality import estimated_quality, validity_quality

RISING = np.array([0.1, 0.2, 0.4, 0.8])


def test_quality_is_the_overlap_with_the_nearest_of_all_crops():
    truths = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]])
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 0.5], [0.0, 0.0, 0.5, 1.0]])
    assert estimated_quality(boxes, truths).tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert estimated_quality(np.empty((0, 4)), truths).shape == (0,)
    with pytest.raises(ValueError, match="at least one truth"):
        estimated_quality(boxes, np.empty((0, 4)))


def test_worked_numbers():
    qualities = [RISING**2, RISING[::-1], RISING]
    found = validity_quality([(RISING, quality) for quality in qualities])
    assert found.spearman[0] == pytest.approx((1 - 1 + 1) / 3)
    lines = [np.corrcoef(RISING, quality)[0, 1] for quality in qualities]
    assert found.pearson[0] == pytest.approx(np.mean(lines))
    # The line through all points is not the mean of the photos' lines.
    line = np.corrcoef(np.tile(RISING, 3), np.concatenate(qualities))[0, 1]
    assert found.pearson_pooled[0] == pytest.approx(line) != pytest.approx(np.mean(lines))
    assert (found.photos, found.proposals, found.undefined) == (3, 12, 0)


def test_order_within_photos_and_level_between_them_are_told_apart():
    """Every photo is ordered rightly, but the photos of the worst proposals believe most."""
    photos = [(RISING / 10 + 0.2 * level, RISING / 10 + 0.5 - 0.1 * level) for level in range(5)]
    found = validity_quality(photos)
    assert found.spearman == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert found.spearman_pooled[0] < -0.5
    assert found.pearson_pooled[0] < -0.5


def test_noise_has_an_interval_that_holds_nothing_and_is_repeatable():
    random = np.random.default_rng(0)
    photos = [(random.random(20), random.random(20)) for _ in range(40)]
    found = validity_quality(photos)
    for value, low, high in (found.spearman, found.pearson, found.spearman_pooled, found.pearson_pooled):
        assert low < value < high
        assert low < 0 < high
    assert validity_quality(photos) == found


def test_photos_without_a_spread_count_as_nothing_and_are_counted():
    found = validity_quality([(RISING, RISING), (RISING, np.full(4, 0.5)), (RISING[:1], RISING[:1])])
    assert (found.spearman[0], found.undefined, found.proposals) == (pytest.approx(1 / 3), 2, 9)


def test_nothing_and_unequal_lengths_and_nan_are_refused():
    with pytest.raises(ValueError, match="at least one photo"):
        validity_quality([])
    with pytest.raises(ValueError, match="as many validities as qualities"):
        validity_quality([(RISING, RISING[:3])])
    with pytest.raises(ValueError, match="finite"):
        validity_quality([(RISING, np.array([0.1, np.nan, 0.2, 0.3]))])
