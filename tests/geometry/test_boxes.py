"""Boxes: invariants under mirror, permutation and emptiness, then hand-computed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import (
    area,
    as_boxes,
    box_ratio,
    clip,
    contains,
    giou_matrix,
    intersects,
    iou_matrix,
    mirror,
    validate_boxes,
)

EMPTY = np.empty((0, 4))
# Coordinates in 1/64 keep mirrored and shifted boxes exact in floating point.
CORNERS = st.lists(st.integers(0, 64), min_size=2, max_size=2, unique=True).map(sorted)


@st.composite
def some_boxes(draw, max_size=6):
    pairs = draw(st.lists(st.tuples(CORNERS, CORNERS), min_size=1, max_size=max_size))
    return np.array([[x[0], y[0], x[1], y[1]] for x, y in pairs]) / 64


@given(some_boxes())
def test_mirror_twice_is_the_identity(boxes):
    assert np.array_equal(mirror(mirror(boxes)), boxes)


@given(some_boxes())
def test_mirror_keeps_boxes_valid_and_their_area(boxes):
    assert np.array_equal(area(validate_boxes(mirror(boxes))), area(boxes))


def test_mirror_leaves_its_input_alone():
    boxes = np.array([[0.0, 0.1, 0.25, 0.5]])
    mirror(boxes)
    assert boxes.tolist() == [[0.0, 0.1, 0.25, 0.5]]


@pytest.mark.parametrize("overlap", [iou_matrix, giou_matrix])
@given(a=some_boxes(), b=some_boxes())
def test_overlap_is_symmetric_and_blind_to_mirroring(overlap, a, b):
    assert np.array_equal(overlap(a, b), overlap(b, a).T)
    assert np.allclose(overlap(mirror(a), mirror(b)), overlap(a, b), atol=1e-12)


@pytest.mark.parametrize("overlap", [iou_matrix, giou_matrix])
@given(a=some_boxes(), b=some_boxes(), seed=st.integers(0, 99))
def test_overlap_follows_a_permutation(overlap, a, b, seed):
    order = np.random.default_rng(seed).permutation(len(a))
    assert np.array_equal(overlap(a[order], b), overlap(a, b)[order])


@pytest.mark.parametrize("overlap", [iou_matrix, giou_matrix])
@given(a=some_boxes(), b=some_boxes())
def test_a_batch_equals_its_single_boxes(overlap, a, b):
    assert np.array_equal(overlap(a, b), np.concatenate([overlap(row[None], b) for row in a]))


@given(some_boxes(), some_boxes())
def test_iou_is_one_for_equal_boxes_and_giou_never_exceeds_iou(a, b):
    assert np.array_equal(np.diag(iou_matrix(a, a)), np.ones(len(a)))
    assert np.array_equal(np.diag(giou_matrix(a, a)), np.ones(len(a)))
    iou, giou = iou_matrix(a, b), giou_matrix(a, b)
    assert ((iou >= 0) & (iou <= 1)).all()
    assert ((giou > -1) & (giou <= iou + 1e-12)).all()


@given(some_boxes(), some_boxes(max_size=1))
def test_contains_and_intersects_agree_with_the_overlap(boxes, one):
    intersection = area(np.concatenate([np.maximum(boxes, one)[:, :2], np.minimum(boxes, one)[:, 2:]], axis=1))
    assert np.array_equal(intersects(boxes, one[0]), intersection > 0)
    assert np.array_equal(contains(boxes, one[0]), intersection == area(one)[0])


@pytest.mark.parametrize("overlap", [iou_matrix, giou_matrix])
def test_overlap_of_nothing_is_empty(overlap):
    assert overlap(EMPTY, EMPTY).shape == (0, 0)
    assert overlap([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert overlap([[0, 0, 1, 1]], EMPTY).shape == (1, 0)


@pytest.mark.parametrize("function", [area, clip, mirror, as_boxes, validate_boxes])
def test_functions_of_no_boxes_return_none(function):
    assert len(function([])) == 0
    assert len(function(EMPTY)) == 0


def test_predicates_of_no_boxes_are_empty():
    assert contains(EMPTY, [0, 0, 1, 1]).shape == (0,)
    assert intersects(EMPTY, [0, 0, 1, 1]).shape == (0,)
    assert box_ratio(EMPTY, (3, 2)).shape == (0,)


@pytest.mark.parametrize("overlap", [iou_matrix, giou_matrix])
def test_float32_stays_float32_only_when_both_are(overlap):
    single = np.array([[0, 0, 0.5, 1]], dtype=np.float32)
    assert overlap(single, single).dtype == np.float32
    assert overlap(single, single.astype(np.float64)).dtype == np.float64
    assert overlap([[0, 0, 1, 1]], [[0, 0, 1, 1]]).dtype == np.float64


def test_overlaps_worked_by_hand():
    a = [[0.0, 0.0, 0.5, 0.5]]
    b = [[0.25, 0.25, 0.75, 0.75], [0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]]
    # Intersection 1/16 and union 7/16; the first hull is 9/16 with 2/16 in neither box, the second 1 with 1/2.
    assert iou_matrix(a, b)[0] == pytest.approx([1 / 7, 0.0, 1.0, 0.25])
    assert giou_matrix(a, b)[0] == pytest.approx([1 / 7 - 2 / 9, -0.5, 1.0, 0.25])


def test_empty_boxes_overlap_nothing_without_a_warning():
    point = [[0.5, 0.5, 0.5, 0.5]]
    assert iou_matrix(point, point).tolist() == [[0.0]]
    assert giou_matrix(point, point).tolist() == [[0.0]]
    assert iou_matrix(point, [[0, 0, 1, 1]]).tolist() == [[0.0]]


def test_area_ratio_and_clip_worked_by_hand():
    assert area([[0.25, 0.5, 0.75, 1.0], [0.5, 0.5, 0.25, 1.0]]).tolist() == [0.25, 0.0]
    assert box_ratio([[0.0, 0.0, 0.5, 1.0]], (3000, 2000)).tolist() == [0.75]
    assert clip([[-0.5, 0.25, 1.5, 2.0]]).tolist() == [[0.0, 0.25, 1.0, 1.0]]


def test_touching_boxes_do_not_intersect():
    assert intersects([[0, 0, 0.5, 1], [0, 0, 0.6, 1]], [0.5, 0, 1, 1]).tolist() == [False, True]


def test_a_box_holds_itself_despite_rounding_noise():
    box = np.array([0.1 + 0.2, 0.1, 0.7, 0.9])
    assert contains([[0.3, 0.1, 0.7, 0.9]], box).all()
    assert contains([[0.3 + 1e-12, 0.1, 0.7, 0.9]], box).all()
    assert not contains([[0.301, 0.1, 0.7, 0.9]], box).any()


@pytest.mark.parametrize(
    ("boxes", "complaint"),
    [
        ([[0, 0, 1, 1], [0.5, 0, 0.5, 1]], r"keep: box 1 \[0.5, 0, 0.5, 1\] is empty"),
        ([[0.6, 0, 0.5, 1]], "corners swapped"),
        ([[0, 0.6, 1, 0.5]], "corners swapped"),
        ([[0, 0, 1, float("nan")]], "not a finite number"),
        ([[0, 0, float("inf"), 1]], "not a finite number"),
        ([[0, 0, 1.1, 1]], "outside the photo"),
        ([[-0.1, 0, 1, 1]], "outside the photo"),
        ([[0, 0, 1]], r"keep: expected shape \(N, 4\).*got \(1, 3\)"),
        ([0, 0, 1, 1], r"got \(4,\)"),
        ([["a", 0, 1, 1]], r"keep: expected numbers"),
        ([[0, 0, 1, 1], [0, 0, 1]], r"keep: expected numbers"),
        ([[None, 0, 1, 1]], "not a finite number"),
    ],
)
def test_bad_boxes_are_named_in_one_line(boxes, complaint):
    with pytest.raises(UsageError, match=complaint) as caught:
        validate_boxes(boxes, name="keep")
    assert "\n" not in str(caught.value)


def test_validation_moves_noise_onto_the_border():
    assert validate_boxes([[-1e-12, 0, 1 + 1e-12, 1]]).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("predicate", [contains, intersects])
def test_predicates_ask_for_exactly_one_second_box(predicate):
    with pytest.raises(UsageError, match=r"expected one box of shape \(4,\)"):
        predicate([[0, 0, 1, 1]], [[0, 0, 1, 1]])
