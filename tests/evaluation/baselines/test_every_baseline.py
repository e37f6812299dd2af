"""What holds for all baselines that do not look at the photo."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Question
from cadrage.evaluation.baselines import BASELINES, LEARNED, make_baseline
from cadrage.geometry import box_ratio, grid_anchors, iou_matrix

BLIND = ("whole", "centre-0.9", "median-box", "random", "largest", "position-prior")
EMPTY = np.empty((0, 4))


def photo(crops, scores, name="a"):
    return PhotoRecord(f"images/{name}.jpg", EMPTY, (400, 300), np.array(crops), np.array(scores), (), EMPTY, {})


SPARSE = [
    photo([[0.1, 0.2, 0.9, 0.8]], [1.0], "a"),
    photo([[0.0, 0.0, 0.7, 0.9], [0.2, 0.1, 1.0, 0.9]], [1.0, 1.0], "b"),
    photo([[0.3, 0.0, 1.0, 0.8], [0.0, 0.0, 0.1, 0.1]], [3.0, 1.0], "c"),
]
DENSE = [photo(grid_anchors(), np.linspace(1, 5, 90), "d"), photo(grid_anchors()[:60], np.linspace(4, 2, 60), "e")]
KINDS = [*((name, SPARSE) for name in BLIND), ("median-box", DENSE), ("position-prior", DENSE)]
MADE = [pytest.param(make_baseline(name, train), id=f"{name}-{len(train)}") for name, train in KINDS]


def ask(baseline, n=0, ratio=None, boxes=EMPTY, size_wh=(400, 300), name="images/x.jpg"):
    return baseline.answer(Question(name, EMPTY, size_wh, n, ratio, np.asarray(boxes, dtype=np.float64)))


def test_all_of_them_are_tried_here_or_open_photos():
    assert set(BLIND) | {"smartcrop", "vips-attention", "vips-entropy"} == set(BASELINES)
    assert set(LEARNED) <= set(BLIND)


@pytest.mark.parametrize("baseline", MADE)
def test_they_need_no_photo_and_say_who_they_are(baseline):
    assert baseline.needs_photos is False
    described = json.loads(json.dumps(baseline.describe()))
    assert (described["kind"], described["name"]) == ("baseline", baseline.name)


@pytest.mark.parametrize("baseline", MADE)
def test_nothing_asked_is_nothing_answered(baseline):
    answer = ask(baseline)
    assert (answer.boxes_xyxy.shape, answer.confidences.shape, answer.box_scores.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize("baseline", MADE)
@pytest.mark.parametrize("n", [1, 5, 40])
def test_free_crops_are_different_boxes_of_the_photo_best_first(baseline, n):
    answer = ask(baseline, n)
    boxes = answer.boxes_xyxy
    assert 1 <= len(boxes) <= n
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert (boxes >= 0).all() and (boxes <= 1).all() and (boxes[:, :2] < boxes[:, 2:]).all()
    # A larger question continues the answer to a smaller one.
    np.testing.assert_array_equal(ask(baseline, 1).boxes_xyxy, boxes[:1])


@pytest.mark.parametrize("baseline", MADE)
@given(
    size_wh=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    ratio=st.floats(0.05, 20),
    n=st.integers(1, 6),
)
def test_crops_of_a_ratio_have_it(baseline, size_wh, ratio, n):
    boxes = ask(baseline, n, ratio, size_wh=size_wh).boxes_xyxy
    assert 1 <= len(boxes) <= n
    assert (boxes >= 0).all() and (boxes <= 1).all()
    sides_px = (boxes[:, 2:] - boxes[:, :2]) * size_wh
    error_px = np.maximum(abs(sides_px[:, 0] - sides_px[:, 1] * ratio), abs(sides_px[:, 1] - sides_px[:, 0] / ratio))
    # Whole-pixel candidates meet a ratio within one pixel, where the photo is not smaller than that.
    assert (error_px <= 1.01).all() or min(size_wh) * min(ratio, 1 / ratio) < 2
    if baseline.name in ("whole", "centre-0.9", "largest", "median-box"):
        np.testing.assert_allclose(box_ratio(boxes, size_wh), ratio, rtol=1e-9)


@pytest.mark.parametrize("baseline", MADE)
def test_the_order_of_the_asked_boxes_does_not_matter(baseline):
    boxes = grid_anchors((400, 300))
    order = np.random.default_rng(0).permutation(len(boxes))
    scores = ask(baseline, boxes=boxes).box_scores
    assert scores.shape == (len(boxes),)
    assert len(np.unique(scores)) > 10
    # A box gets the same score anywhere and in any company, up to the order of a sum.
    np.testing.assert_allclose(ask(baseline, boxes=boxes[order]).box_scores, scores[order], rtol=1e-12)
    np.testing.assert_allclose(ask(baseline, boxes=boxes[3:4]).box_scores, scores[3:4], rtol=1e-12)


@pytest.mark.parametrize("baseline", MADE)
def test_one_question_can_ask_for_both(baseline):
    boxes = [[0.1, 0.1, 0.6, 0.9], [0.0, 0.0, 1.0, 1.0]]
    both = ask(baseline, 3, boxes=boxes)
    np.testing.assert_array_equal(both.boxes_xyxy, ask(baseline, 3).boxes_xyxy)
    np.testing.assert_array_equal(both.box_scores, ask(baseline, boxes=boxes).box_scores)


@pytest.mark.parametrize("name", [name for name in BLIND if name not in ("random",)])
def test_a_mirrored_world_has_mirrored_opinions(name):
    def turned(box):
        return np.asarray(box)[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]

    boxes = grid_anchors((400, 300))
    for train in (SPARSE, DENSE):
        mirrored = [photo(turned(record.crops_xyxy), record.scores) for record in train]
        straight = make_baseline(name, train if name in LEARNED else None)
        other = make_baseline(name, mirrored if name in LEARNED else None)
        np.testing.assert_allclose(
            ask(other, boxes=turned(boxes)).box_scores, ask(straight, boxes=boxes).box_scores, atol=1e-9
        )


@pytest.mark.parametrize("name", LEARNED)
def test_the_order_of_the_training_photos_does_not_matter(name):
    boxes = grid_anchors((400, 300))
    for train in (SPARSE, DENSE):
        one, other = make_baseline(name, train), make_baseline(name, train[::-1])
        np.testing.assert_allclose(ask(one, 5).boxes_xyxy, ask(other, 5).boxes_xyxy)
        np.testing.assert_allclose(ask(one, boxes=boxes).box_scores, ask(other, boxes=boxes).box_scores)


@pytest.mark.parametrize("name", LEARNED)
def test_what_learns_needs_photos_with_crops(name):
    for train in (None, []):
        with pytest.raises(UsageError, match=f"{name} learns from training photos.*--train-split"):
            make_baseline(name, train)
    with pytest.raises(UsageError, match="none of 1 training photos has a crop"):
        make_baseline(name, [photo(EMPTY, [])])


@pytest.mark.parametrize("name", LEARNED)
def test_photos_without_crops_have_no_say(name):
    with_empty = [photo(EMPTY, []), *SPARSE]
    np.testing.assert_array_equal(
        ask(make_baseline(name, with_empty), 3).boxes_xyxy, ask(make_baseline(name, SPARSE), 3).boxes_xyxy
    )


@pytest.mark.parametrize(
    ("name", "meant"), [("centre-0.8", "centre-0.9"), ("Whole", "whole"), ("vips-atention", "vips-attention")]
)
def test_a_misspelt_name_is_understood_but_not_guessed(name, meant):
    with pytest.raises(UsageError, match=f"no baseline '{name}'.*did you mean '{meant}'") as caught:
        make_baseline(name)
    assert all(known in str(caught.value) for known in BASELINES)


def test_an_absurd_name_gets_no_suggestion():
    with pytest.raises(UsageError, match="no baseline 'xyz'; there are: whole,"):
        make_baseline("xyz")


def test_the_worked_boxes():
    wide = {"size_wh": (200, 100)}
    whole, centre, largest = (make_baseline(name) for name in ("whole", "centre-0.9", "largest"))
    assert ask(whole, 5, **wide).boxes_xyxy.tolist() == [[0, 0, 1, 1]]
    assert ask(whole, 1, 1.0, **wide).boxes_xyxy.tolist() == [[0.25, 0, 0.75, 1]]
    assert ask(whole, 1, 4.0, **wide).boxes_xyxy.tolist() == [[0, 0.25, 1, 0.75]]
    np.testing.assert_allclose(ask(centre, 5, **wide).boxes_xyxy, [[0.05, 0.05, 0.95, 0.95]])
    np.testing.assert_allclose(ask(centre, 1, 1.0, **wide).boxes_xyxy, [[0.275, 0.05, 0.725, 0.95]])
    np.testing.assert_allclose(ask(largest, 2, **wide).boxes_xyxy[0], np.array([1, 1, 23, 23]) / 24)
    assert ask(largest, 2, 1.0, **wide).boxes_xyxy.tolist() == [[0.25, 0, 0.75, 1]]


@pytest.mark.parametrize("name", ["whole", "largest"])
def test_equally_many_pixels_tie_whatever_the_digits_of_the_file(name):
    # 300x200 and 200x300 pixels, written with five digits, which makes the fractions differ.
    boxes = np.round(np.array([[3, 0, 303, 200], [11, 7, 211, 307], [0, 0, 301, 200]]) / [511, 313, 511, 313], 5)
    same, turned, larger = ask(make_baseline(name), boxes=boxes, size_wh=(511, 313)).box_scores
    assert same == turned == 60_000
    assert larger == 60_200


def test_centre_and_median_score_by_overlap_with_their_box():
    box = np.array([[0.05, 0.05, 0.95, 0.95], [0.0, 0.0, 0.5, 1.0]])
    np.testing.assert_allclose(ask(make_baseline("centre-0.9"), boxes=box).box_scores, iou_matrix(box, box[:1])[:, 0])
    np.testing.assert_allclose(
        ask(make_baseline("centre-0.9"), ratio=1.0, boxes=[[0.275, 0.05, 0.725, 0.95]], size_wh=(200, 100)).box_scores,
        [1.0],
    )


def test_the_largest_candidates_come_first():
    answer = ask(make_baseline("largest"), 90)
    areas = np.prod(answer.boxes_xyxy[:, 2:] - answer.boxes_xyxy[:, :2], axis=1)
    assert len(answer.boxes_xyxy) == len(grid_anchors((400, 300)))
    assert areas[0] == pytest.approx((11 / 12) ** 2)
    assert (np.diff(answer.confidences) <= 0).all()
