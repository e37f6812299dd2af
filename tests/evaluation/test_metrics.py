import numpy as np
import pytest

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.metrics.overlap import best_iou_of_set, iou_and_bde
from cadrage.evaluation.metrics.pairs import pair_agreement
from cadrage.geometry import mirror

BOX = np.array([0.1, 0.2, 0.6, 0.8])


def test_a_perfect_box() -> None:
    assert iou_and_bde(BOX, BOX[None]) == (pytest.approx(1), 0)


def test_worked_numbers() -> None:
    iou, bde = iou_and_bde(np.array([0.0, 0.0, 0.5, 1.0]), np.array([[0.25, 0.0, 0.75, 1.0]]))
    assert (iou, bde) == (pytest.approx(1 / 3), pytest.approx(0.125))


def test_the_best_truth_decides_both_numbers() -> None:
    truths = np.array([[0.5, 0.5, 1.0, 1.0], [0.1, 0.2, 0.6, 0.9]])
    assert iou_and_bde(BOX, truths) == iou_and_bde(BOX, truths[::-1]) == iou_and_bde(BOX, truths[1:])


def test_equal_overlaps_are_decided_by_the_smaller_displacement() -> None:
    box = np.array([0.0, 0.0, 1.0, 1.0])
    far, near = [0.0, 0.0, 0.25, 1.0], [0.25, 0.25, 0.75, 0.75]
    assert iou_and_bde(box, np.array([near, far]))[1] == pytest.approx(0.1875)


def test_mirrored_box_and_truth_agree_alike() -> None:
    truth = np.array([[0.2, 0.1, 0.9, 0.7]])
    assert iou_and_bde(mirror(BOX[None])[0], mirror(truth)) == pytest.approx(iou_and_bde(BOX, truth))


def test_no_truth_is_an_error_and_an_empty_set_scores_zero() -> None:
    with pytest.raises(ValueError, match="at least one truth"):
        iou_and_bde(BOX, np.empty((0, 4)))
    assert best_iou_of_set(np.empty((0, 4)), BOX[None]) == 0


def test_pairs_count_agreement_ignore_draws_and_do_not_reward_ties() -> None:
    scores_a, scores_b = np.array([1.0, 0.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 1.0])
    assert pair_agreement(scores_a, scores_b, [(4, 1), (5, 0), (3, 2), (2, 2)]) == (1, 3)
    assert pair_agreement(np.empty(0), np.empty(0), []) == (0, 0)


def test_bootstrap_interval_holds_the_mean_and_is_repeatable() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 300)
    mean, low, high = bootstrap_mean(values)
    assert low < mean < high and mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 300**0.5, rel=0.1)
    assert bootstrap_mean(values) == (mean, low, high)


def test_bootstrap_weights_average_observations() -> None:
    mean, _, _ = bootstrap_mean(np.array([1.0, 0.0]), weights=np.array([3.0, 1.0]))
    assert mean == pytest.approx(0.75)
