import numpy as np
import pytest

from cadrage.evaluation.metrics.diversity import diversity, highest_iou_within

LEFT, RIGHT, WHOLE = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])


def test_worked_numbers():
    three = np.stack([LEFT, RIGHT, WHOLE])
    assert diversity(three) == pytest.approx(1 - (0 + 1 / 2 + 1 / 2) / 3)
    assert highest_iou_within(three) == pytest.approx(1 / 2)


def test_copies_are_not_diverse_and_strangers_are():
    assert (diversity(np.stack([LEFT, LEFT])), highest_iou_within(np.stack([LEFT, LEFT]))) == (0, 1)
    assert (diversity(np.stack([LEFT, RIGHT])), highest_iou_within(np.stack([LEFT, RIGHT]))) == (1, 0)


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), WHOLE[None]])
def test_fewer_than_two_boxes_are_undefined(boxes):
    assert diversity(boxes) == highest_iou_within(boxes) == 0
