import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import area, contains, from_pixels, intersects, largest_size, to_pixels
from cadrage.inference.selection.candidates import clear_regions, fixed_ratio_pool, free_pool
from cadrage.inference.selection.rules import Rules, admit, obeys, outward

PROPOSALS = np.array([[0.1, 0.1, 0.6, 0.7], [0.3, 0.2, 0.95, 0.9], [0.0, 0.0, 1.0, 1.0]])
WEIGHTS = np.array([0.5, 0.3, 0.2])

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
ratios = st.sampled_from([1.0, 0.8, 16 / 9, 9 / 16, 1.91, 5.0, 0.05])


@st.composite
def inner_boxes(draw: st.DrawFn) -> np.ndarray:
    side = np.array([draw(st.floats(0.02, 0.6)), draw(st.floats(0.02, 0.6))])
    start = np.array([draw(st.floats(0, 1)), draw(st.floats(0, 1))]) * (1 - side)
    return np.concatenate([start, start + side])[None]


@given(sizes)
def test_free_candidates_lie_on_whole_pixels_inside_the_photo(size_wh: tuple[int, int]) -> None:
    pool = free_pool(PROPOSALS, WEIGHTS, Rules(), size_wh)

    assert len(pool.boxes_xyxy) > pool.leading >= 4
    np.testing.assert_allclose(pool.boxes_xyxy, from_pixels(to_pixels(pool.boxes_xyxy, size_wh), size_wh), atol=1e-12)
    assert (pool.boxes_xyxy[:, :2] < pool.boxes_xyxy[:, 2:]).all()
    assert pool.boxes_xyxy.min() >= 0
    assert pool.boxes_xyxy.max() <= 1


@given(sizes, ratios)
def test_candidates_of_a_ratio_meet_it_within_a_pixel(size_wh: tuple[int, int], ratio: float) -> None:
    pool = fixed_ratio_pool(ratio, Rules(), size_wh)
    boxes_px = to_pixels(pool.boxes_xyxy, size_wh)
    width, height = boxes_px[:, 2] - boxes_px[:, 0], boxes_px[:, 3] - boxes_px[:, 1]

    assert len(pool.boxes_xyxy) >= 1
    reachable = min(largest_size(size_wh, ratio)) >= 1
    assert not reachable or (np.minimum(abs(width - height * ratio), abs(height - width / ratio)) <= 1).all()


@given(sizes, ratios, inner_boxes())
def test_kept_boxes_that_fit_a_ratio_are_held(size_wh: tuple[int, int], ratio: float, kept: np.ndarray) -> None:
    rules = Rules(keep_xyxy=outward(kept, size_wh))
    hull_wh_px = (rules.keep_xyxy[0, 2:] - rules.keep_xyxy[0, :2]) * size_wh
    largest = np.array(largest_size(size_wh, ratio))

    pool = fixed_ratio_pool(ratio, rules, size_wh)

    assert len(pool.boxes_xyxy) >= 1
    if (hull_wh_px <= largest - 1).all():
        assert contains(pool.boxes_xyxy, rules.keep_xyxy[0]).all()


@given(sizes, inner_boxes(), inner_boxes())
def test_free_candidates_can_always_hold_what_is_kept(
    size_wh: tuple[int, int], first: np.ndarray, second: np.ndarray
) -> None:
    rules = Rules(keep_xyxy=outward(np.concatenate([first, second]), size_wh))

    pool = free_pool(PROPOSALS, WEIGHTS, rules, size_wh)

    _, relaxed = admit(pool.boxes_xyxy, rules, size_wh)
    assert relaxed == ()
    assert contains(pool.boxes_xyxy[: pool.leading], rules.kept_hull).all()


@given(inner_boxes(), st.sampled_from([None, 1.0, 0.5]))
def test_a_watermark_is_avoided_down_to_its_edge(avoided: np.ndarray, ratio: float | None) -> None:
    rules = Rules(avoid_xyxy=avoided)
    size_wh = (1200, 900)

    pool = free_pool(PROPOSALS, WEIGHTS, rules, size_wh) if ratio is None else fixed_ratio_pool(ratio, rules, size_wh)

    good = obeys(pool.boxes_xyxy, rules, size_wh)
    assert good.sum() >= 20
    assert not intersects(pool.boxes_xyxy[good], avoided[0]).any()
    if ratio is None:
        # No box that avoids it can be larger than the larger side strip, up to rounding.
        x1, y1, x2, y2 = avoided[0]
        assert area(pool.boxes_xyxy[good]).max() == pytest.approx(max(x1, 1 - x2, y1, 1 - y2), abs=0.002)


def test_clear_regions_of_one_box_are_the_four_strips() -> None:
    regions = clear_regions(Rules(avoid_xyxy=np.array([[0.25, 0.25, 0.5, 0.5]])), (400, 400))

    assert regions.tolist() == [[0, 0.5, 1, 1], [0.5, 0, 1, 1], [0, 0, 0.25, 1], [0, 0, 1, 0.25], [0, 0, 1, 1]]


def test_clear_regions_must_hold_what_is_kept() -> None:
    rules = Rules(avoid_xyxy=np.array([[0.25, 0.25, 0.5, 0.5]]), keep_xyxy=np.array([[0.6, 0.6, 0.7, 0.7]]))

    assert clear_regions(rules, (400, 400)).tolist() == [[0, 0.5, 1, 1], [0.5, 0, 1, 1], [0, 0, 1, 1]]


def test_without_a_clear_region_the_whole_photo_remains() -> None:
    everything = Rules(avoid_xyxy=np.array([[0.0, 0.0, 1.0, 1.0]]))

    assert clear_regions(everything, (400, 400)).tolist() == [[0, 0, 1, 1]]
    assert len(fixed_ratio_pool(1.0, everything, (400, 400)).boxes_xyxy) >= 1


def test_many_avoided_boxes_stay_cheap_and_clear() -> None:
    starts = np.random.default_rng(0).random((60, 2)) * 0.95
    rules = Rules(avoid_xyxy=np.concatenate([starts, starts + 0.03], axis=1))

    regions = clear_regions(rules, (4000, 3000))

    assert 2 <= len(regions) <= 5
    assert obeys(regions[:-1], rules, (4000, 3000)).all()


@pytest.mark.parametrize("ratio", [None, 1.5])
def test_what_is_avoided_gives_way_to_the_asked_area(ratio: float | None) -> None:
    rules = Rules(avoid_xyxy=np.array([[0.3, 0.3, 0.7, 0.7]]), min_area=0.5, max_area=0.6)
    size_wh = (1200, 800)

    pool = free_pool(PROPOSALS, WEIGHTS, rules, size_wh) if ratio is None else fixed_ratio_pool(ratio, rules, size_wh)

    assert admit(pool.boxes_xyxy, rules, size_wh)[1] == ("overlaps_avoided",)


@given(st.floats(0.02, 0.9), st.sampled_from([None, 1.0]))
def test_area_limits_leave_candidates_within(lowest: float, ratio: float | None) -> None:
    rules = Rules(min_area=lowest * 0.6, max_area=min(lowest * 0.6 + 0.03, 1))
    size_wh = (1200, 900)

    pool = free_pool(PROPOSALS, WEIGHTS, rules, size_wh) if ratio is None else fixed_ratio_pool(ratio, rules, size_wh)

    assert admit(pool.boxes_xyxy, rules, size_wh)[1] == ()


@pytest.mark.parametrize(("lowest", "highest"), [(None, 0.001), (0.0005, 0.0006), (0.5, 0.5), (0.97, 0.98)])
def test_unusual_area_limits_leave_free_candidates_within(lowest: float | None, highest: float) -> None:
    rules, size_wh = Rules(min_area=lowest, max_area=highest), (1200, 900)

    pool = free_pool(PROPOSALS, WEIGHTS, rules, size_wh)

    assert admit(pool.boxes_xyxy, rules, size_wh)[1] == ()


def test_an_asked_size_nearly_as_large_as_the_photo_can_lie_in_every_corner() -> None:
    rules, size_wh = Rules(min_size_wh=(600, 400)), (640, 427)

    boxes = free_pool(PROPOSALS, WEIGHTS, rules, size_wh).boxes_xyxy
    good = to_pixels(boxes[obeys(boxes, rules, size_wh)], size_wh)

    for corner in ((0, 0), (40, 0), (0, 27), (40, 27)):
        assert (good[:, :2] == corner).all(axis=1).any()


def test_a_tiny_asked_size_does_not_ask_for_tiny_crops() -> None:
    size_wh = (4000, 3000)
    plain = fixed_ratio_pool(1.0, Rules(), size_wh)
    asked = fixed_ratio_pool(1.0, Rules(min_size_wh=(50, 50)), size_wh)

    np.testing.assert_array_equal(asked.boxes_xyxy, plain.boxes_xyxy)
