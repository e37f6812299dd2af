import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.geometry import area, mirror
from cadrage.training.engine.evaluators.targets import pseudo_heat

# In a photo of 4x4 pixels.
A, B, WHOLE, CORNER = (0, 0, 0.75, 1), (0.25, 0.25, 0.75, 0.75), (0, 0, 1, 1), (0, 0, 0.5, 0.5)


def some_crops(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(size=(count, 2, 2)), axis=1).reshape(count, 4), rng.uniform(1, 5, count)


def heat(crops: object, scores: object, **settings: float) -> np.ndarray:
    made = pseudo_heat(crops, scores, mean_score=settings.pop("mean_score", 3.0), **settings)  # type: ignore[arg-type]
    assert made is not None and made.dtype == np.float32
    return made


@pytest.mark.parametrize("size", [4, 64])
@pytest.mark.parametrize(
    ("crops", "scores", "places"),
    # Weights .5 and .5; .62246 and .37754; the whole photo is a constant that stretching removes.
    [
        ((A, B), (3, 4), {(0.1, 0.1): (0.5, 127), (0.5, 0.5): (1, 255), (0.9, 0.5): (0, 0)}),
        ((A, B), (3, 3.5), {(0.1, 0.1): (0.62246, 158), (0.5, 0.5): (1, 255), (0.9, 0.5): (0, 0)}),
        (
            (WHOLE, CORNER),
            (3, 4),
            {(0.1, 0.1): (1, 255), (0.4, 0.4): (1, 255), (0.6, 0.1): (0, 0), (0.9, 0.9): (0, 0)},
        ),
    ],
)
def test_worked_maps(
    size: int, crops: object, scores: object, places: dict[tuple[float, float], tuple[float, int]]
) -> None:
    made = heat(crops, scores, size=size)
    assert made.shape == (size, size)
    for (x, y), (value, stored) in places.items():
        found = made[int(y * size), int(x * size)]
        assert found == pytest.approx(value, abs=1e-5)
        # As the released code stores it: cut off, not rounded. A trace below or above 127.5 is 127 either way, and the
        # ends of the range are met exactly.
        assert int(255 * found) == stored


def test_worked_worth_of_crops() -> None:
    """Areas .75 and .25 make ratings 3 and 4 worth 3 + 1.5 = 4 + .5 = 4.5."""
    assert area([A, B]).tolist() == [0.75, 0.25]
    # An eighth of the photo beside both, worth 4.5 with the rating 4.25: each of the three weighs a third.
    made = heat([A, B, (0.75, 0, 1, 0.5)], [3, 4, 4.25], size=4)
    np.testing.assert_allclose(made[:, 3], [0.5, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(made[:, :3], [[0.5] * 3, [0.5, 1, 1], [0.5, 1, 1], [0.5] * 3], atol=1e-6)


def test_a_cell_counts_by_the_part_that_is_covered() -> None:
    made = heat([[0, 0, 0.3, 0.5]], [3], size=2)
    np.testing.assert_allclose(made, [[1, 0], [0, 0]], atol=1e-7)
    made = heat([[0, 0, 0.75, 1]], [3], size=2)
    np.testing.assert_allclose(made, [[1, 0], [1, 0]], atol=1e-7)
    # Two crops of equal area and score: .6 of one cell, .4 of the other.
    made = heat([[0, 0, 0.7, 0.5], [0.1, 0, 0.8, 0.5]], [3, 3], size=4)
    np.testing.assert_allclose(made[:2], [[0.8, 1, 0.9, 0.1]] * 2, atol=1e-6)
    assert not made[2:].any()


def test_maps_reach_from_0_to_1_and_do_not_depend_on_the_order() -> None:
    crops, scores = some_crops(30)
    made = heat(crops, scores)
    assert made.min() == 0 and made.max() == 1
    order = np.random.default_rng(1).permutation(30)
    np.testing.assert_allclose(heat(crops[order], scores[order]), made, atol=1e-6)
    np.testing.assert_allclose(heat(mirror(crops), scores), made[:, ::-1], atol=1e-6)


def test_of_many_crops_those_above_the_mean_count() -> None:
    crops, scores = some_crops(11)
    good = scores > 3
    assert 0 < good.sum() < 10
    np.testing.assert_array_equal(heat(crops, scores), heat(crops[good], scores[good]))
    # Of ten, all.
    assert np.abs(heat(crops[1:], scores[1:]) - heat(crops[1:][good[1:]], scores[1:][good[1:]])).max() > 0.01


def test_the_best_five_stand_in_where_none_is_above_the_mean() -> None:
    crops, scores = some_crops(12)
    best = np.argsort(-scores)[:5]
    np.testing.assert_allclose(heat(crops, scores, mean_score=5.0), heat(crops[best], scores[best]), atol=1e-6)


@pytest.mark.parametrize("outside", [(1.2, 0.2, 1.4, 0.9), (-0.5, 0, 0, 1), (0.3, 1.0, 0.6, 1.5)])
@pytest.mark.parametrize("score", [1, 3, 5])
def test_crops_outside_the_photo_do_not_count(outside: object, score: float) -> None:
    np.testing.assert_array_equal(heat([WHOLE, outside], [3, score]), np.ones((64, 64)))
    np.testing.assert_array_equal(heat([A, outside, B], [3, score, 4]), heat([A, B], [3, 4]))


def test_crops_outside_the_photo_do_not_make_few_crops_many() -> None:
    crops, scores = some_crops(10)
    crops_and_more, scores_and_more = np.concatenate([crops, crops + 1]), np.concatenate([scores, scores])
    np.testing.assert_array_equal(heat(crops_and_more, scores_and_more), heat(crops, scores))


def test_where_all_crops_above_the_mean_are_outside_the_others_count() -> None:
    crops, _ = some_crops(11)
    low = np.linspace(1, 2, 11)
    made = heat(np.concatenate([crops, crops[:6] + 1]), np.concatenate([low, np.full(6, 5.0)]))
    np.testing.assert_array_equal(made, heat(crops[-5:], low[-5:]))


def test_a_map_that_is_the_same_everywhere_is_not_stretched() -> None:
    np.testing.assert_array_equal(heat([WHOLE, WHOLE], [2, 4]), np.ones((64, 64)))


def test_scores_of_any_size_are_no_overflow() -> None:
    assert np.isfinite(heat([A, B], [1000, -1000])).all()


def test_nothing_to_learn_is_none() -> None:
    assert pseudo_heat(np.empty((0, 4)), [], mean_score=3) is None
    assert pseudo_heat([[0.2, 0.2, 0.2, 0.9]], [4], mean_score=3) is None
    assert pseudo_heat([[1.2, 0.2, 1.4, 0.9]], [4], mean_score=3) is None


@pytest.mark.parametrize(
    ("crops", "scores", "message"),
    [
        ([A, B], [3], "one score per crop"),
        ([A], [np.nan], "not a finite number"),
        ([(0, np.inf, 1, np.inf)], [3], "not a finite number"),
        ([(0.5, 0, 0.2, 1)], [3], "swap its corners"),
    ],
)
def test_unusable_crops_are_refused(crops: object, scores: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pseudo_heat(crops, scores, mean_score=3)  # type: ignore[arg-type]
