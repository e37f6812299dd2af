"""Canonical grid anchors: the counts and corners worked out from the published rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import area, box_ratio, grid_anchors, mirror, to_pixels, validate_boxes

SHAPES = {
    "1:1": (1, 1), "4:3": (4, 3), "3:4": (3, 4), "3:2": (3, 2), "2:3": (2, 3), "16:9": (16, 9), "9:16": (9, 16),
    "2:1": (2, 1), "1:2": (1, 2), "3:1": (3, 1), "1:3": (1, 3),
}  # fmt: skip


def between_bins(*corners, bins=12):
    """Normalised xyxy between bin centres; corners in the published order row, column, row, column."""
    row1, column1, row2, column2 = corners
    return [(place + 0.5) / bins for place in (column1, row1, column2, row2)]


def test_the_area_rule_alone_keeps_ninety_boxes_in_canonical_order():
    boxes = grid_anchors()
    assert len(boxes) == 90
    assert boxes[0] == pytest.approx(between_bins(0, 0, 8, 9))
    assert boxes[-1] == pytest.approx(between_bins(3, 2, 11, 11))
    assert (np.abs(area(boxes) - 0.5) < 1e-9).sum() == 24
    assert area(boxes).max() == pytest.approx(121 / 144)
    assert np.array_equal(validate_boxes(boxes), boxes)


@pytest.mark.parametrize(
    ("bins", "corner_bins", "count"),
    [(10, 3, 31), (10, 4, 35), (12, 3, 62), (12, 4, 90), (12, 5, 94), (14, 4, 140), (14, 5, 168), (16, 4, 186),
     (16, 5, 254), (16, 6, 282)],
)  # fmt: skip
def test_counts_of_other_grids(bins, corner_bins, count):
    assert len(grid_anchors(bins=bins, corner_bins=corner_bins)) == count


@pytest.mark.parametrize(
    ("shape", "count", "count_2_2"),
    [("1:1", 90, 90), ("4:3", 87, 90), ("3:4", 87, 87), ("3:2", 83, 87), ("2:3", 83, 83), ("16:9", 72, 75),
     ("9:16", 72, 72), ("2:1", 52, 54), ("1:2", 52, 52), ("3:1", 3, 7), ("1:3", 3, 3)],
)  # fmt: skip
def test_counts_per_photo_shape_with_inclusive_limits(shape, count, count_2_2):
    width, height = SHAPES[shape]
    for unit in (1, 7, 240):
        size_wh = (width * unit, height * unit)
        assert len(grid_anchors(size_wh)) == count
        assert len(grid_anchors(size_wh, ratio_limits=(0.5, 2.2))) == count_2_2


def test_the_boxes_that_the_ratio_rule_drops_from_a_three_by_two_photo():
    kept = {tuple(box) for box in grid_anchors((1000, 667)).round(9).tolist()}
    dropped = [box for box in grid_anchors().round(9).tolist() if tuple(box) not in kept]
    corners = [(0, 0, 8, 11), (1, 0, 8, 11), (1, 0, 9, 11), (2, 0, 9, 11), (2, 0, 10, 11), (3, 0, 10, 11),
               (3, 0, 11, 11)]  # fmt: skip
    assert np.allclose(dropped, [between_bins(*corner) for corner in corners])


def test_pixel_boxes_of_a_photo():
    size = np.array([1000, 667, 1000, 667])
    boxes = grid_anchors((1000, 667)) * size
    assert boxes[0] == pytest.approx([41.667, 27.792, 791.667, 472.458], abs=1e-3)
    assert to_pixels(boxes[:1] / size, (1000, 667)).tolist() == [[42, 28, 792, 472]]


@pytest.mark.parametrize("size_wh", [(4, 1), (1, 4), (100, 3), (1, 5000)])
def test_an_elongated_photo_is_judged_relative_to_its_own_ratio(size_wh):
    boxes = grid_anchors(size_wh)
    own = size_wh[0] / size_wh[1]
    assert len(boxes) == 90
    assert ((box_ratio(boxes, size_wh) >= own / 2) & (box_ratio(boxes, size_wh) <= own * 2)).all()


@given(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), st.floats(0, 0.84), st.sampled_from([None, (0.9, 1.1)]))
def test_never_empty(size_wh, min_area, limits):
    boxes = grid_anchors(size_wh, min_area=min_area, ratio_limits=limits)
    assert len(boxes)
    assert (area(boxes) >= min_area - 1e-9).all()


@given(st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_the_set_is_its_own_mirror_image(size_wh):
    boxes = grid_anchors(size_wh)
    flipped = mirror(boxes)
    assert {tuple(box) for box in boxes.round(9).tolist()} == {tuple(box) for box in flipped.round(9).tolist()}


def test_the_full_frame_comes_last_on_request():
    boxes = grid_anchors((1000, 667), full_frame=True)
    assert len(boxes) == 84
    assert boxes[-1].tolist() == [0, 0, 1, 1]
    assert len(grid_anchors(min_area=0.9, full_frame=True)) == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"min_area": 0.9}, "min_area 0.9 is above 0.8403"),
        ({"corner_bins": 7}, "corner_bins 7: expected 1 to 6"),
        ({"corner_bins": 0}, "corner_bins 0"),
        ({"size_wh": (0, 3)}, "photo size 0x3"),
    ],
)
def test_impossible_grids_are_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        grid_anchors(**options)
