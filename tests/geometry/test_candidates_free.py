"""Free candidates: an even, mirror-symmetric lattice within the area limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import area, contains, free_candidates, mirror, validate_boxes

EDGES = st.lists(st.integers(0, 50), min_size=2, max_size=2, unique=True).map(sorted)
KEPT = st.tuples(EDGES, EDGES).map(lambda xy: np.array([xy[0][0], xy[1][0], xy[0][1], xy[1][1]]) / 50)
STEPS = st.sampled_from([4, 6, 8, 12, 16])


@given(STEPS, st.floats(0, 1), st.none() | KEPT, st.integers(1, 1500))
def test_the_full_frame_is_always_a_candidate(steps, min_area, kept, limit):
    boxes = free_candidates(kept, min_area=min_area, steps=steps, limit=limit)
    assert (boxes == [0, 0, 1, 1]).all(axis=1).sum() == 1
    assert len(boxes) <= limit


@given(STEPS, st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), st.none() | KEPT)
def test_boxes_are_valid_distinct_and_within_the_limits(steps, limits, kept):
    boxes = free_candidates(kept, min_area=limits[0], max_area=limits[1], steps=steps)
    assert np.array_equal(validate_boxes(boxes), boxes)
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert (area(boxes) >= limits[0] - 1e-9).all()
    assert (area(boxes) <= limits[1] + 1e-9).all()
    if kept is not None:
        assert contains(boxes, kept).all()


@given(STEPS, st.floats(0, 1), st.integers(1, 1500))
def test_the_set_is_its_own_mirror_image(steps, min_area, limit):
    boxes = free_candidates(min_area=min_area, steps=steps, limit=limit)
    assert {tuple(box) for box in boxes.round(9).tolist()} == {tuple(box) for box in mirror(boxes).round(9).tolist()}


def test_the_default_lattice():
    boxes = free_candidates()
    lines = boxes * 12
    assert np.allclose(lines, lines.round())
    assert 1000 < len(boxes) <= 1500
    assert area(boxes).min() == pytest.approx(4 / 36)
    small = lines[area(boxes) < 0.25 - 1e-9].round()
    assert len(small)
    assert (small % 2 == 0).all()


def test_fewer_places_leave_out_the_strangest_shapes_first():
    boxes = free_candidates(limit=300)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    assert 200 < len(boxes) <= 300
    assert np.maximum(width / height, height / width).max() < 1.5


def test_what_is_kept_is_the_last_resort():
    kept = [0.3, 0.3, 0.62, 0.9]
    assert free_candidates(kept, max_area=0.2).tolist() == [kept]
    assert free_candidates(kept, max_area=0.1).shape == (0, 4)


def test_asking_again_gives_a_fresh_array():
    free_candidates()[:] = 7.0
    assert free_candidates().max() == 1.0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"steps": 5}, "steps 5"),
        ({"steps": 0}, "steps 0"),
        ({"steps": 64}, "steps 64"),
        ({"limit": 0}, "limit 0"),
        ({"contain_xyxy": [0, 0, 2, 1]}, "kept box: box 0 .* outside the photo"),
    ],
)
def test_impossible_requests_are_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        free_candidates(**options)
