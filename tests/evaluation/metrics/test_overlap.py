"""Overlap of boxes: worked numbers. What holds for all boxes is in test_invariants.py."""

import numpy as np
import pytest

from cadrage.evaluation.metrics.overlap import alpha_recall, best_iou_of_set, coverage, diversity, iou_and_bde, reaches
from cadrage.geometry import clip, giou_matrix

BOX = np.array([0.1, 0.2, 0.6, 0.8])
LEFT, RIGHT, WHOLE = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
NOTHING = np.empty((0, 4))


def boxes(*rows):
    return np.array(rows, dtype=np.float64)


def test_a_perfect_box():
    assert iou_and_bde(BOX, BOX[None]) == (pytest.approx(1), 0)


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7),
        ([0, 0, 1, 1], [2, 0, 3, 1], 0.0),
        ([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75], 0.25),
        ([0, 0, 10, 10], [1, 0, 11, 10], 9 / 11),
        ([0, 0, 10, 10], [0, 0, 10, 9], 0.9),
    ],
)
def test_worked_overlaps(a, b, iou):
    assert best_iou_of_set(boxes(a), boxes(b)) == pytest.approx(iou)


def test_worked_generalised_overlaps_of_disjoint_and_nested_boxes():
    assert giou_matrix([[0, 0, 1, 1]], [[2, 0, 3, 1], [0.25, 0.25, 0.75, 0.75]])[0] == pytest.approx([-1 / 3, 0.25])


def test_worked_displacement():
    iou, bde = iou_and_bde(np.array([0.0, 0.0, 0.5, 1.0]), boxes([0.25, 0.0, 0.75, 1.0]))
    assert (iou, bde) == (pytest.approx(1 / 3), pytest.approx(0.125))


def test_displacement_is_a_fraction_of_each_side():
    # Pixels of a photo 100 wide and 80 high; the second truth has IoU .6 and BDE .1125.
    size = np.array([100, 80, 100, 80])
    predicted, truth, whole = np.array([[20, 10, 100, 70], [10, 10, 90, 70], [0, 0, 100, 80]]) / size
    assert iou_and_bde(predicted, truth[None]) == (pytest.approx(7 / 9), pytest.approx(0.05))
    assert iou_and_bde(predicted, whole[None]) == (pytest.approx(0.6), pytest.approx(0.1125))
    assert iou_and_bde(predicted, np.stack([whole, truth])) == (pytest.approx(7 / 9), pytest.approx(0.05))


def test_the_best_of_several_truths_counts():
    assert iou_and_bde(np.array([0, 0, 0.6, 1]), boxes([0, 0, 1, 1], [0, 0, 0.5, 1]))[0] == pytest.approx(5 / 6)


def test_the_truth_of_the_best_overlap_gives_the_displacement_even_if_another_is_displaced_less():
    predicted = np.array([0.0, 0.0, 0.5, 0.5])
    wider, shifted = [0.0, 0.0, 0.8, 0.5], [0.07, 0.07, 0.57, 0.57]
    assert iou_and_bde(predicted, boxes(shifted)) == (pytest.approx(0.5868, abs=1e-4), pytest.approx(0.07))
    assert iou_and_bde(predicted, boxes(wider, shifted)) == (pytest.approx(0.625), pytest.approx(0.075))


def test_equal_overlaps_are_decided_by_the_smaller_displacement():
    box = np.array([0.0, 0.0, 1.0, 1.0])
    far, near = [0.0, 0.0, 0.25, 1.0], [0.25, 0.25, 0.75, 0.75]
    assert iou_and_bde(box, boxes(near, far))[1] == iou_and_bde(box, boxes(far, near))[1] == pytest.approx(0.1875)


def test_overlaps_equal_but_for_rounding_are_decided_by_the_smaller_displacement_too():
    box = np.array([0.1, 0.1, 0.9, 0.9])
    square, tower = [0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.3, 0.9]
    assert iou_and_bde(box, boxes(square))[0] > iou_and_bde(box, boxes(tower))[0], "or this would test nothing"
    assert iou_and_bde(box, boxes(square, tower)) == (pytest.approx(0.25), pytest.approx(0.15))


def test_clipping_a_box_can_only_help():
    outside, truth = boxes([-0.1, 0, 1, 1]), boxes([0, 0, 1, 1])
    assert best_iou_of_set(outside, truth) == pytest.approx(10 / 11)
    assert best_iou_of_set(clip(outside), truth) == 1


def test_no_truth_is_an_error_and_an_empty_set_scores_zero():
    with pytest.raises(ValueError, match="at least one truth"):
        iou_and_bde(BOX, np.empty((0, 4)))
    assert best_iou_of_set(np.empty((0, 4)), BOX[None]) == 0
    assert best_iou_of_set(BOX[None], np.empty((0, 4))) == 0


def test_an_overlap_counts_at_its_own_threshold():
    iou = best_iou_of_set(boxes([0.1, 0, 0.4, 1]), boxes([0.1, 0, 0.37, 1]))
    assert iou < 0.9, "or this would test nothing"
    assert reaches(iou, 0.9)
    assert not reaches(0.9 - 2e-6, 0.9)


def test_alpha_recall():
    assert [alpha_recall(iou) for iou in (0.0, 0.7499, 0.75 - 1e-9, 0.75, 1.0)] == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert alpha_recall(0.6, alpha=0.5) == 1.0


def test_worked_coverage():
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


def test_worked_diversity():
    three = np.stack([LEFT, RIGHT, WHOLE])
    assert diversity(three) == pytest.approx(1 - (0 + 1 / 2 + 1 / 2) / 3)


def test_copies_are_not_diverse_and_strangers_are():
    assert diversity(np.stack([LEFT, LEFT])) == 0
    assert diversity(np.stack([LEFT, RIGHT])) == 1


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), WHOLE[None]])
def test_fewer_than_two_boxes_are_undefined(boxes):
    assert diversity(boxes) == 0
