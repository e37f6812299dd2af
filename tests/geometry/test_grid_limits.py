"""Boxes exactly on a limit: how many a strict test of the ratio would lose, and where boxes lie in pixels."""

import numpy as np
import pytest

from cadrage.geometry import area, box_ratio, grid_anchors

# Just within 0.5 .. 2, so that a box exactly on a limit is outside.
STRICT = (0.5 + 1e-6, 2 - 1e-6)


@pytest.mark.parametrize(
    ("shape", "strict", "inclusive"),
    [((1, 1), 90, 90), ((4, 3), 87, 87), ((3, 4), 87, 87), ((3, 2), 83, 83), ((2, 3), 83, 83), ((16, 9), 60, 72),
     ((9, 16), 60, 72), ((2, 1), 38, 52), ((1, 2), 38, 52), ((3, 1), 3, 3), ((1, 3), 3, 3)],
)  # fmt: skip
def test_some_boxes_of_wide_and_tall_photos_lie_exactly_on_a_limit(shape, strict, inclusive):
    assert len(grid_anchors(shape, ratio_limits=STRICT)) == strict
    assert len(grid_anchors(shape)) == inclusive
    ratios = box_ratio(grid_anchors(shape), shape)
    assert (np.minimum(abs(ratios - 2), abs(ratios - 0.5)) < 1e-9).sum() == inclusive - strict


@pytest.mark.parametrize("shape", [(4, 1), (22, 7), (7, 22)])
def test_no_box_of_a_more_elongated_photo_is_strictly_within_the_limits(shape):
    ratios = box_ratio(grid_anchors(), shape)
    assert ((ratios > 0.5 + 1e-9) & (ratios < 2 - 1e-9)).sum() == 0
    # What is given in their place is judged by the photo's own ratio.
    assert len(grid_anchors(shape, ratio_limits=STRICT)) == 90


def test_the_largest_box_in_pixels():
    boxes = grid_anchors((1000, 667)) * [1000, 667, 1000, 667]
    largest = boxes[area(boxes).argmax()]
    assert largest == pytest.approx([41.667, 27.792, 958.333, 639.208], abs=1e-3)
