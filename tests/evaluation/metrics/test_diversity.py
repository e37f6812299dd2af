import numpy as np
import pytest

from cadrage.evaluation.metrics.diversity import diversity

LEFT, RIGHT, WHOLE = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])


def test_worked_numbers():
    three = np.stack([LEFT, RIGHT, WHOLE])
    assert diversity(three) == pytest.approx(1 - (0 + 1 / 2 + 1 / 2) / 3)


def test_copies_are_not_diverse_and_strangers_are():
    assert diversity(np.stack([LEFT, LEFT])) == 0
    assert diversity(np.stack([LEFT, RIGHT])) == 1


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), WHOLE[None]])
def test_fewer_than_two_boxes_are_undefined(boxes):
    assert diversity(boxes) == 0
