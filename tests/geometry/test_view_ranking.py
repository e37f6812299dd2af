"""What was counted of the published list."""

import numpy as np
import pytest

from cadrage.geometry.boxes import area, iou_matrix
from cadrage.geometry.view_ranking import view_ranking_boxes


def test_there_are_as_many_boxes_as_published_and_no_two_are_alike() -> None:
    boxes = view_ranking_boxes()
    assert boxes.shape == (1745, 4)
    assert boxes.min() == 0 and boxes.max() <= 1
    overlaps = iou_matrix(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    assert 0.849 < overlaps.max() < 0.85


def test_sizes_and_shapes_are_those_of_the_published_list() -> None:
    boxes = view_ranking_boxes()
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    longer, areas = np.maximum(width, height), area(boxes)
    assert (areas.min(), areas.max()) == (pytest.approx(0.178, abs=0.0005), pytest.approx(0.81))
    assert (longer.min(), longer.max()) == (pytest.approx(0.6), pytest.approx(1.0))
    shapes = {round(float(each), 2) for each in width / height}
    assert {min(shapes, key=lambda each: abs(each - wanted)) for wanted in (0.75, 1, 1.33, 1.78, 2.37, 3.16)} <= shapes
    assert all(min(abs(each - wanted) for wanted in (0.75, 1, 4 / 3, 16 / 9, 2.37, 3.16)) < 0.02 for each in shapes)


def test_the_first_boxes_are_the_largest_of_the_square() -> None:
    first = view_ranking_boxes()[:10]
    wanted = [[0.9 * 0 + x, y, x + 0.9, y + 0.675] for x in (0, 0.08) for y in (0, 0.075, 0.15, 0.225, 0.3)]
    np.testing.assert_allclose(first, wanted, atol=1e-9)


def test_the_list_cannot_be_changed_by_who_asks_for_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        view_ranking_boxes()[0] = 0
