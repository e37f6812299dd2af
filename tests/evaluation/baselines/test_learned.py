"""What median-box and position-prior learn, worked by hand."""

import numpy as np
import pytest

from cadrage.evaluation.baselines import make_baseline
from cadrage.evaluation.baselines.median_box import best_crops, weighted_median
from cadrage.evaluation.baselines.position_prior import greedy_set
from cadrage.geometry import fixed_ratio_candidates, free_candidates, grid_anchors, iou_matrix


def mean_best(boxes, crops):
    return iou_matrix(boxes, crops).max(axis=0).mean()


@pytest.mark.parametrize(
    ("values", "weights", "median"),
    [
        ([3, 1, 2], [1, 1, 1], 2),
        ([4, 1, 2, 3], [1, 1, 1, 1], 2.5),
        ([0, 1], [3, 1], 0),
        ([0, 1, 2], [1, 1, 2], 1.5),
        ([5], [0.1], 5),
        ([1] * 7, [1 / 7] * 7, 1),
    ],
)
def test_weighted_median(values, weights, median):
    assert weighted_median(np.array(values, float), np.array(weights, float)) == median


def test_each_photo_has_one_vote_that_its_best_crops_share(record):
    train = [
        record(crops=[[0, 0, 0.5, 1]], scores=[1]),
        record(crops=[[0, 0, 1, 1], [0, 0, 0.6, 1], [0, 0, 0.7, 1]], scores=[3, 5, 5]),
        record(crops=[], scores=[]),
    ]
    crops = best_crops(train)
    assert crops.boxes_xyxy[:, 2].tolist() == [0.5, 0.6, 0.7]
    np.testing.assert_allclose(crops.weights, [0.5, 0.25, 0.25])
    assert crops.photos == 2


def test_the_median_box_and_its_place_of_a_ratio(record, question):
    edges = [(0.0, 0.1, 0.6, 0.9), (0.1, 0.2, 0.7, 1.0), (0.2, 0.0, 0.8, 0.8)]
    baseline = make_baseline("median-box", [record(crops=[edge]) for edge in edges])
    np.testing.assert_allclose(baseline.answer(question(3)).boxes_xyxy, [[0.1, 0.1, 0.7, 0.9]])
    # The largest square of a 200x100 photo is half as wide, and its centre is at .4.
    square = baseline.answer(question(1, 1.0, size_wh=(200, 100))).boxes_xyxy
    np.testing.assert_allclose(square, [[0.15, 0, 0.65, 1]])
    # Around the same centre one of 3:2 would reach over the border: it is moved inside.
    np.testing.assert_allclose(
        baseline.answer(question(1, 1.8, size_wh=(200, 100))).boxes_xyxy, [[0, 0, 0.9, 1]], atol=1e-12
    )
    np.testing.assert_allclose(baseline.answer(question(boxes=[[0.1, 0.1, 0.7, 0.5]])).box_scores, [0.5])
    assert baseline.describe()["box"] == [0.1, 0.1, 0.7, 0.9]
    assert baseline.describe()["learned_from"] == {"photos": 3, "crops": 3}


def test_sparse_crops_make_a_prior_of_overlaps(record, question):
    crops = np.array([[0, 0, 0.5, 1.0], [0, 0, 0.5, 1.0], [0.5, 0, 1.0, 1.0]])
    prior = make_baseline("position-prior", [record(crops=[crop]) for crop in crops])
    assert prior.describe()["scores"] == "mean IoU with training crops"

    scores = prior.answer(question(boxes=[[0, 0, 0.5, 1], [0.5, 0, 1, 1], [0, 0, 1, 1]])).box_scores
    np.testing.assert_allclose(scores, [2 / 3, 1 / 3, 1 / 2])
    answer = prior.answer(question(3))
    np.testing.assert_allclose(answer.boxes_xyxy[:2], [crops[0], crops[2]])
    np.testing.assert_allclose(answer.confidences, [2 / 3, 1 / 3, 0], atol=1e-5)


def test_the_constant_set_beats_the_single_best_boxes(record, question):
    rng = np.random.default_rng(1)
    start = rng.uniform(0, 0.4, (60, 2))
    crops = np.concatenate([start, start + rng.uniform(0.4, 0.6, (60, 2))], axis=1)
    prior = make_baseline("position-prior", [record(crops=[crop]) for crop in crops])
    lattice = free_candidates()
    singly = lattice[np.argsort(-iou_matrix(lattice, crops).mean(axis=1))[:5]]

    boxes = prior.answer(question(5)).boxes_xyxy
    np.testing.assert_allclose(boxes[0], singly[0])
    assert mean_best(boxes, crops) > mean_best(singly, crops) + 0.05
    assert prior.answer(question(100)).boxes_xyxy.shape == (40, 4)


def test_a_ratio_gets_its_best_place(record, question):
    crops = np.array([[0.4, 0.0, 0.9, 1.0], [0.5, 0.1, 1.0, 0.9]])
    prior = make_baseline("position-prior", [record(crops=[crop]) for crop in crops])
    candidates = fixed_ratio_candidates((400, 300), 1.0)
    overlaps = iou_matrix(candidates, crops).mean(axis=1)
    answer = prior.answer(question(1, 1.0))
    assert overlaps[(candidates == answer.boxes_xyxy[0]).all(axis=1)] == pytest.approx([overlaps.max()], abs=1e-5)
    assert answer.confidences == pytest.approx([overlaps.max()], abs=1e-5)


def test_greedy_set_by_hand():
    overlaps = np.array([[0.9, 0.0, 0.2], [0.5, 0.5, 0.5], [0.0, 0.9, 0.2]])
    weights = np.full(3, 1 / 3)
    chosen, gains = greedy_set(overlaps, weights, 5)
    assert chosen == [1, 0, 2]
    np.testing.assert_allclose(gains, [0.5, 0.4 / 3, 0.4 / 3], atol=1e-5)
    assert greedy_set(overlaps, weights, 1)[0] == [1]


def scored_grid(record, scores, size_wh=(999, 667), places=slice(None)):
    """Every anchor of the grid in whole pixels, as the published files have them."""
    boxes_px = np.floor(grid_anchors()[places] * np.tile(size_wh, 2) + 0.5)
    return record(crops=boxes_px / np.tile(size_wh, 2), scores=scores, size_wh=size_wh)


def test_dense_scores_make_a_prior_of_anchors(record, question):
    first, second = np.linspace(1, 5, 90), np.linspace(3, 1, 90)
    train = [scored_grid(record, first), scored_grid(record, second, (400, 301))]
    prior = make_baseline("position-prior", train)
    assert prior.describe()["learned_from"] == {"photos": 2, "crops": 180, "crops_off_the_grid": 0}

    np.testing.assert_allclose(prior.answer(question(boxes=grid_anchors())).box_scores, (first + second) / 2)
    # A box off the grid has the score of the nearest anchor.
    nudged = grid_anchors()[40:41] + np.array([0.02, -0.02, 0.02, 0.01])
    assert prior.answer(question(boxes=nudged)).box_scores == pytest.approx([(first[40] + second[40]) / 2])


def test_anchors_that_nobody_scored_are_no_answer(record, question):
    prior = make_baseline("position-prior", [scored_grid(record, np.arange(30.0), places=slice(30))])
    boxes = prior.answer(question(40)).boxes_xyxy
    assert all((grid_anchors()[:30] == box).all(axis=1).any() for box in boxes)


def test_the_best_anchors_differ(record, question):
    scores = np.linspace(5, 1, 90)
    prior = make_baseline("position-prior", [scored_grid(record, scores)])
    answer = prior.answer(question(10))
    assert len(answer.boxes_xyxy) == 10
    np.testing.assert_array_equal(answer.boxes_xyxy[0], grid_anchors()[0])
    overlaps = iou_matrix(answer.boxes_xyxy, answer.boxes_xyxy)[np.triu_indices(10, 1)]
    assert overlaps.max() <= 0.85 + 1e-6
    np.testing.assert_allclose(answer.confidences, prior.answer(question(boxes=answer.boxes_xyxy)).box_scores)


def test_crops_of_a_ratio_lie_where_the_best_anchors_lie(record, question):
    prior = make_baseline("position-prior", [scored_grid(record, np.linspace(5, 1, 90))])
    candidates = fixed_ratio_candidates((400, 300), 1.0)
    nearest = candidates[iou_matrix(grid_anchors()[:1], candidates)[0].argmax()]
    answer = prior.answer(question(4, 1.0))
    np.testing.assert_array_equal(answer.boxes_xyxy[0], nearest)
    assert len(np.unique(answer.boxes_xyxy, axis=0)) == len(answer.boxes_xyxy)


def test_crops_off_the_grid_are_counted_not_learned(record, question):
    odd = [[0.2, 0.2, 0.5, 0.5]]
    on_grid = scored_grid(record, np.linspace(1, 5, 90))
    mixed = record(crops=[*on_grid.crops_xyxy.tolist(), *odd], scores=[*on_grid.scores, 5.0], size_wh=on_grid.size_wh)
    prior = make_baseline("position-prior", [mixed])
    assert prior.describe()["learned_from"] == {"photos": 1, "crops": 90, "crops_off_the_grid": 1}
    np.testing.assert_allclose(prior.answer(question(boxes=grid_anchors())).box_scores, np.linspace(1, 5, 90))


def test_the_majority_of_photos_decides_which_prior_it_is(record):
    dense, sparse = scored_grid(record, np.linspace(1, 5, 90)), record()
    by_anchor, by_overlap = "mean score per grid anchor", "mean IoU with training crops"
    for train, expected in (
        ([dense, sparse], by_anchor),
        ([dense, sparse, sparse], by_overlap),
        ([scored_grid(record, np.arange(19.0), places=slice(19))], by_overlap),
        ([scored_grid(record, np.arange(20.0), places=slice(20))], by_anchor),
    ):
        assert make_baseline("position-prior", train).describe()["scores"] == expected
