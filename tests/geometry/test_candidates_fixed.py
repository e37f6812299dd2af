"""Fixed-ratio candidates: exact, never empty, inside the limits, and holding what they must hold."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import area, contains, fixed_ratio_candidates, largest_size, to_pixels, validate_boxes

SIDES = st.one_of(st.integers(1, 30), st.integers(1, 9000))
SIZES = st.tuples(SIDES, SIDES)
RATIOS = st.one_of(
    st.sampled_from([1.0, 4 / 5, 5 / 4, 3 / 2, 16 / 9, 9 / 16, 1.91, 3.0, 100.0, 0.01]),
    st.floats(-5, 5).map(np.exp),
)
EDGES = st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True).map(sorted)
KEPT = st.tuples(EDGES, EDGES).map(lambda xy: np.array([xy[0][0], xy[1][0], xy[0][1], xy[1][1]]) / 60)


def sizes_px(boxes, size_wh, ratio):
    boxes_px = to_pixels(boxes, size_wh, ratio)
    return boxes_px[:, 2:] - boxes_px[:, :2]


@given(SIZES, RATIOS, st.integers(1, 600))
@example((1, 1), 100.0, 1)
@example((50, 50), 100.0, 500)
@example((1, 9000), 1.0, 3)
def test_never_empty_distinct_within_the_limit_and_largest_first(size_wh, ratio, limit):
    boxes = fixed_ratio_candidates(size_wh, ratio, limit=limit)
    assert 1 <= len(boxes) <= limit
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert np.array_equal(validate_boxes(boxes), boxes)
    areas = area(boxes)
    assert areas[0] == pytest.approx(areas.max())


@given(SIZES, RATIOS)
def test_every_candidate_is_a_whole_pixel_box_of_the_ratio(size_wh, ratio):
    boxes = fixed_ratio_candidates(size_wh, ratio)
    boxes_px = to_pixels(boxes, size_wh, ratio)
    assert np.array_equal(boxes_px, to_pixels(boxes, size_wh))
    assert np.allclose(boxes * (*size_wh, *size_wh), boxes_px, atol=1e-6)
    width, height = (boxes_px[:, 2:] - boxes_px[:, :2]).T
    if size_wh[0] + 1 >= ratio and size_wh[1] + 1 >= 1 / ratio:
        assert (np.maximum(abs(width - height * ratio), abs(height - width / ratio)) <= 1 + 1e-6).all()


@given(SIZES, RATIOS)
def test_the_largest_box_is_among_them_at_both_borders(size_wh, ratio):
    boxes_px = to_pixels(fixed_ratio_candidates(size_wh, ratio), size_wh, ratio)
    widest = np.minimum(largest_size(size_wh, ratio), size_wh)
    # One pixel of tolerance on the longer side may cost the ratio in pixels on a very elongated box.
    assert (boxes_px[0, 2:] - boxes_px[0, :2] > widest - max(ratio, 1 / ratio) - 1).all()
    assert boxes_px[:, :2].min(axis=0).tolist() == [0, 0]
    assert boxes_px[:, 2:].max(axis=0).tolist() == list(size_wh)


@given(SIZES, RATIOS, KEPT)
def test_every_candidate_holds_the_kept_box(size_wh, ratio, kept):
    boxes = fixed_ratio_candidates(size_wh, ratio, contain_xyxy=kept)
    assert contains(boxes, kept).all()


@given(SIZES, RATIOS, KEPT)
@example((950, 950), 100.0, np.array([0, 0.5, 1, 0.505]))
def test_a_kept_box_that_fits_is_never_given_up(size_wh, ratio, kept):
    largest = sizes_px(fixed_ratio_candidates(size_wh, ratio, limit=1), size_wh, ratio)[0]
    corners = kept.reshape(2, 2) * size_wh
    needed = np.ceil(corners[1] - 1e-9) - np.floor(corners[0] + 1e-9)
    boxes = fixed_ratio_candidates(size_wh, ratio, contain_xyxy=kept)
    assert bool(len(boxes)) == bool((needed <= largest).all())


@given(st.tuples(st.integers(200, 3000), st.integers(200, 3000)), st.sampled_from([0.8, 1.0, 1.5]), KEPT)
def test_the_tightest_candidate_around_a_kept_box_wastes_at_most_two_pixels(size_wh, ratio, kept):
    boxes = fixed_ratio_candidates(size_wh, ratio, contain_xyxy=kept, min_area=1e-6)
    corners = kept.reshape(2, 2) * size_wh
    needed = np.ceil(corners[1] - 1e-9) - np.floor(corners[0] + 1e-9)
    if len(boxes):
        spare = sizes_px(boxes, size_wh, ratio).min(axis=0) - needed
        assert spare.min() <= 2


@given(
    st.tuples(st.integers(100, 6000), st.integers(100, 6000)),
    st.sampled_from([0.5, 0.8, 1.0, 1.5, 2.0]),
    st.tuples(st.floats(0.02, 1), st.floats(0.02, 1)).map(sorted),
)
def test_area_limits_hold_wherever_the_ratio_permits(size_wh, ratio, limits):
    boxes = fixed_ratio_candidates(size_wh, ratio, min_area=limits[0], max_area=limits[1])
    assert len(boxes)
    width, height = largest_size(size_wh, ratio)
    largest = width * height / (size_wh[0] * size_wh[1])
    # A margin for whole pixels: only limits well apart and well below the largest box can be met exactly.
    if limits[1] > limits[0] + 0.1 and largest > limits[0] + 0.1:
        assert (area(boxes) >= limits[0] - 1e-6).all()
        assert (area(boxes) <= limits[1] + 1e-6).all()


def test_limits_beyond_the_ratio_yield_the_nearest_size():
    # A square covers at most 3/4 of this photo.
    boxes = fixed_ratio_candidates((400, 300), 1.0, min_area=0.9)
    assert np.unique(area(boxes)).tolist() == [0.75]
    # What is kept is larger than the largest area that was asked for: keeping wins.
    kept = [0.25, 0.25, 0.75, 0.75]
    boxes = fixed_ratio_candidates((400, 300), 4 / 3, contain_xyxy=kept, max_area=0.1)
    assert boxes.tolist() == [kept]


def test_the_default_sizes_span_from_the_largest_box_to_a_tenth_of_it():
    areas = area(fixed_ratio_candidates((4000, 3000), 1.0)) / 0.75
    assert areas.max() == 1.0
    assert areas.min() == pytest.approx(0.1, abs=0.001)
    assert len(np.unique(areas.round(6))) == 12


def test_a_square_on_a_four_by_three_photo_is_square_to_the_pixel():
    boxes = fixed_ratio_candidates((1024, 768), 1.0)
    assert boxes[0].tolist() == [0.0, 0.0, 0.75, 1.0]
    assert (np.diff(sizes_px(boxes, (1024, 768), 1.0)) == 0).all()


@pytest.mark.parametrize("size_wh", [(1000, 667), (3, 5), (4001, 2999), (1, 1)])
def test_the_photos_own_ratio_includes_the_full_frame(size_wh):
    boxes = fixed_ratio_candidates(size_wh, size_wh[0] / size_wh[1], contain_xyxy=[0, 0, 1, 1])
    assert boxes.tolist() == [[0, 0, 1, 1]]


def test_a_kept_box_too_wide_for_the_ratio_leaves_nothing():
    assert fixed_ratio_candidates((1000, 500), 1.0, contain_xyxy=[0.1, 0.4, 0.9, 0.6]).shape == (0, 4)


def test_the_same_request_gives_the_same_bytes():
    first, second = (fixed_ratio_candidates((4000, 3000), 1.91, [0.3, 0.3, 0.4, 0.5]) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size_wh": (0, 10)}, "photo size 0x10"),
        ({"ratio": -1.0}, "ratio -1.0"),
        ({"ratio": float("nan")}, "ratio nan"),
        ({"limit": 0}, "limit 0"),
        ({"min_area": 0.6, "max_area": 0.5}, "area 0.6 to 0.5"),
        ({"max_area": 0.0}, "area 0 to 0"),
        ({"min_area": float("nan")}, "area nan"),
        ({"contain_xyxy": [0.5, 0.5, 1.5, 0.9]}, "kept box: box 0 .* outside the photo"),
        ({"contain_xyxy": [0.5, 0.5, 0.4, 0.9]}, "kept box: box 0 .* swapped"),
        ({"contain_xyxy": [0.5, 0.5]}, "kept box: expected shape"),
    ],
)
def test_impossible_requests_are_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        fixed_ratio_candidates(**{"size_wh": (40, 30), "ratio": 1.0} | options)
