import numpy as np
import pytest

from cadrage.evaluation.baselines.random_boxes import RandomBoxes
from cadrage.geometry import area, grid_anchors


def test_a_photo_gets_the_same_answer_again_and_another_photo_another(question):
    first = RandomBoxes().answer(question(5)).boxes_xyxy
    RandomBoxes().answer(question(5, name="images/b.png"))
    np.testing.assert_array_equal(RandomBoxes().answer(question(5)).boxes_xyxy, first)
    assert not np.array_equal(RandomBoxes().answer(question(5, name="images/b.png")).boxes_xyxy, first)
    assert not np.array_equal(RandomBoxes(seed=1).answer(question(5)).boxes_xyxy, first)


def test_crops_are_the_candidates_it_would_score_highest(question):
    candidates = grid_anchors((400, 300))
    answer = RandomBoxes().answer(question(7, boxes=candidates))
    order = np.argsort(-answer.box_scores)[:7]
    np.testing.assert_array_equal(answer.boxes_xyxy, candidates[order])
    np.testing.assert_array_equal(answer.confidences, answer.box_scores[order])


def test_scores_are_uniform(question):
    scores = np.concatenate(
        [
            RandomBoxes().answer(question(boxes=grid_anchors(), name=f"images/{index}.png")).box_scores
            for index in range(200)
        ]
    )
    assert (scores >= 0).all() and (scores < 1).all()
    counts = np.histogram(scores, bins=10, range=(0, 1))[0]
    # 18,000 draws, 1,800 per bin with a standard deviation of 40.
    assert abs(counts - 1800).max() < 200
    assert scores.mean() == pytest.approx(0.5, abs=0.01)


def test_the_noise_of_computing_a_box_is_not_chance(question):
    box = np.array([[0.1, 0.0, 0.7, 0.9]])
    noisy = box + np.array([1e-12, -1e-12, 0, 1e-12])
    assert (
        RandomBoxes().answer(question(boxes=box)).box_scores == RandomBoxes().answer(question(boxes=noisy)).box_scores
    )


def test_crops_of_a_ratio_hold_half_of_the_photo_where_they_can(question):
    boxes = RandomBoxes().answer(question(40, 4 / 3)).boxes_xyxy
    assert area(boxes).min() >= 0.49
    assert len(boxes) == 40
    assert len(RandomBoxes().answer(question(3, 8.0)).boxes_xyxy) == 3


def test_a_name_that_is_not_text_is_a_name(question):
    assert len(RandomBoxes().answer(question(2, name="images/\udcff.png")).boxes_xyxy) == 2
