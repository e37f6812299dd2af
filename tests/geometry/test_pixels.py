"""The rounding rule: inside the photo, at least one pixel, the asked ratio, and nothing changes the second time."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import from_pixels, half_up, largest_size, to_pixels

SIDES = st.one_of(st.integers(1, 40), st.integers(1, 12_000))
SIZES = st.tuples(SIDES, SIDES)
# One third of an even grid, one third anywhere: halves are where rounding rules differ.
PLACES = st.one_of(st.integers(0, 24).map(lambda step: step / 24), st.floats(0, 1))
EDGES = st.tuples(PLACES, PLACES).map(sorted)
RATIOS = st.one_of(
    st.sampled_from([1.0, 4 / 5, 5 / 4, 16 / 9, 9 / 16, 1.91, 3.0, 100.0, 0.01]),
    st.floats(-5, 5).map(np.exp),
)


@st.composite
def boxes_of(draw):
    pairs = draw(st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=4))
    return np.array([[x[0], y[0], x[1], y[1]] for x, y in pairs])


def ratio_error_px(boxes_px, ratio):
    width, height = (boxes_px[:, 2:] - boxes_px[:, :2]).T
    return np.maximum(abs(width - height * ratio), abs(height - width / ratio))


def permits(size_wh, ratio):
    """Whether some whole-pixel box on the photo meets the ratio within one pixel."""
    width, height = size_wh
    return width + 1 >= ratio and height + 1 >= 1 / ratio


@given(boxes_of(), SIZES, st.none() | RATIOS)
@example(np.array([[0.0, 0.0, 1.0, 1.0]]), (1, 1), 100.0)
@example(np.array([[1.0, 1.0, 1.0, 1.0]]), (1, 7), None)
def test_a_pixel_box_is_inside_and_has_a_pixel(boxes, size_wh, ratio):
    boxes_px = to_pixels(boxes, size_wh, ratio)
    assert boxes_px.dtype == np.int64
    assert (boxes_px[:, :2] >= 0).all()
    assert (boxes_px[:, 2:] <= size_wh).all()
    assert (boxes_px[:, 2:] > boxes_px[:, :2]).all()


@given(boxes_of(), SIZES, RATIOS)
@example(np.array([[0.0, 0.0, 1.0, 1.0]]), (1, 400), 0.01)
@example(np.array([[0.2, 0.2, 0.2, 0.2]]), (400, 3), 100.0)
def test_the_ratio_holds_within_a_pixel_wherever_the_photo_permits(boxes, size_wh, ratio):
    if permits(size_wh, ratio):
        assert (ratio_error_px(to_pixels(boxes, size_wh, ratio), ratio) <= 1 + 1e-6).all()


@given(boxes_of(), SIZES, st.none() | RATIOS)
def test_rounding_twice_changes_nothing(boxes, size_wh, ratio):
    boxes_px = to_pixels(boxes, size_wh, ratio)
    assert np.array_equal(to_pixels(from_pixels(boxes_px, size_wh), size_wh, ratio), boxes_px)


@given(boxes_of(), SIZES, st.none() | RATIOS)
def test_a_batch_equals_its_single_boxes(boxes, size_wh, ratio):
    singles = [to_pixels(row[None], size_wh, ratio) for row in boxes]
    assert np.array_equal(to_pixels(boxes, size_wh, ratio), np.concatenate(singles))


@given(boxes_of(), SIZES, RATIOS)
def test_a_turned_photo_gives_the_turned_size(boxes, size_wh, ratio):
    boxes_px = to_pixels(boxes, size_wh, ratio)
    turned_px = to_pixels(boxes[:, [1, 0, 3, 2]], size_wh[::-1], 1 / ratio)
    # Two pairs can be equally near; which one wins may depend on the turn, by no more than the tolerance of the rule.
    scale = max(ratio, 1 / ratio)
    sizes, turned = boxes_px[:, 2:] - boxes_px[:, :2], (turned_px[:, 2:] - turned_px[:, :2])[:, ::-1]
    assert (abs(sizes - turned) <= scale + 2).all()


@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.sampled_from([1.0, 0.8, 1.25, 1.5, 16 / 9, 3.0, 0.5]))
def test_no_better_pair_of_whole_numbers_exists(size_wh, ratio):
    width, height = largest_size(size_wh, ratio)
    box = [[0.0, 0.0, width / size_wh[0], height / size_wh[1]]]

    def cost(w, h):
        error = max(abs(w - h * ratio), abs(h - w / ratio))
        return (error > 1 + 1e-9, (w - width) ** 2 + (h - height) ** 2 + error**2 / 2)

    x1, y1, x2, y2 = to_pixels(box, size_wh, ratio)[0].tolist()
    best = min(cost(w, h) for w in range(1, size_wh[0] + 1) for h in range(1, size_wh[1] + 1))
    if not best[0]:
        assert cost(x2 - x1, y2 - y1) == pytest.approx(best)


@given(st.integers(-1000, 1000))
def test_halves_go_up_never_to_even(whole):
    assert half_up(whole + 0.5) == whole + 1
    assert half_up(whole + 0.5 - 1e-6) == whole
    assert half_up(float(whole)) == whole


def test_noise_below_a_half_counts_as_a_half():
    assert half_up(0.3 / 0.1 - 0.5) == 3
    assert half_up(0.49999999999999994) == 1


def test_no_boxes_give_no_pixels():
    assert to_pixels([], (10, 10)).shape == (0, 4)
    assert to_pixels([], (10, 10), 1.5).shape == (0, 4)
    assert from_pixels([], (10, 10)).shape == (0, 4)


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 9), (9, 1), (1, 65_500), (65_500, 1)])
@pytest.mark.parametrize("ratio", [None, 1.0, 100.0, 0.01, 1e6])
def test_the_thinnest_photos_still_give_a_box(size_wh, ratio):
    boxes_px = to_pixels([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [0.9, 0.1, 1, 0.2]], size_wh, ratio)
    assert (boxes_px[:, 2:] > boxes_px[:, :2]).all()
    assert (boxes_px >= 0).all()
    assert (boxes_px[:, 2:] <= size_wh).all()


@pytest.mark.parametrize(
    ("box", "expected_px"),
    [
        ([0.1, 0.1, 0.55, 0.9], [100, 67, 550, 600]),
        # Grid anchors (0,0,8,9) and (0,0,11,11) of a 1000 x 667 photo: 41.667 27.792 791.667 472.458 and so on.
        ([0.5 / 12, 0.5 / 12, 9.5 / 12, 8.5 / 12], [42, 28, 792, 472]),
        ([0.5 / 12, 0.5 / 12, 11.5 / 12, 11.5 / 12], [42, 28, 958, 639]),
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1000, 667]),
        # 2.5 and 0.5 pixels: half-up gives 3 and 1 where rounding to even gives 2 and 0.
        ([0.0025, 0.5 / 667, 0.5, 0.5], [3, 1, 500, 334]),
        # Outside the photo is clipped; nothing becomes one pixel at the border.
        ([-0.5, -0.5, 2.0, 2.0], [0, 0, 1000, 667]),
        ([1.0, 1.0, 1.0, 1.0], [999, 666, 1000, 667]),
    ],
)
def test_pixels_worked_by_hand(box, expected_px):
    assert to_pixels([box], (1000, 667)).tolist() == [expected_px]


@pytest.mark.parametrize(
    ("ratio", "size_wh", "expected_wh"),
    [
        (1.0, (1024, 768), (768, 768)),
        (1.5, (1000, 667), (1000, 667)),
        (4 / 5, (1000, 667), (534, 667)),
        (16 / 9, (1920, 1200), (1920, 1080)),
        # 999 x 333 would be exact, yet 1000 x 333 is within a pixel and cuts nothing off.
        (3.0, (1000, 800), (1000, 333)),
        # No height meets 3.2 within a pixel at a width of 1000 or 999.
        (3.2, (1000, 800), (998, 312)),
        (1.91, (1000, 1000), (1000, 524)),
        (100.0, (50, 50), (50, 1)),
        (0.01, (50, 50), (1, 50)),
    ],
)
def test_largest_boxes_of_a_ratio_worked_by_hand(ratio, size_wh, expected_wh):
    width, height = largest_size(size_wh, ratio)
    x1, y1, x2, y2 = to_pixels([[0, 0, width / size_wh[0], height / size_wh[1]]], size_wh, ratio)[0].tolist()
    assert (x2 - x1, y2 - y1) == expected_wh


def test_a_box_of_another_ratio_is_reshaped_around_its_centre_with_its_area():
    # 400 x 100 pixels become 200 x 200 around (300, 250).
    assert to_pixels([[0.1, 0.2, 0.5, 0.3]], (1000, 1000), ratio=1.0).tolist() == [[200, 150, 400, 350]]


def test_a_reshaped_box_is_moved_back_into_the_photo():
    assert to_pixels([[0.0, 0.0, 0.1, 0.9]], (1000, 1000), ratio=1.0).tolist() == [[0, 300, 300, 600]]


@pytest.mark.parametrize(
    ("box", "size_wh", "ratio", "complaint"),
    [
        ([0, 0, 1, float("nan")], (10, 10), None, "finite"),
        ([0, 0, 1, 1], (0, 10), None, "photo size 0x10"),
        ([0, 0, 1, 1], (10, -1), 1.0, "photo size 10x-1"),
        ([0, 0, 1, 1], (10.5, 10), None, "photo size 10.5x10"),
        ([0, 0, 1, 1], (10, 10), 0.0, "ratio 0.0"),
        ([0, 0, 1, 1], (10, 10), float("nan"), "ratio nan"),
        ([0, 0, 1, 1], (10, 10), float("inf"), "ratio inf"),
        ([0, 0, 1, 1], (10, 10), -1.5, "ratio -1.5"),
    ],
)
def test_impossible_requests_are_refused(box, size_wh, ratio, complaint):
    with pytest.raises(UsageError, match=complaint):
        to_pixels([box], size_wh, ratio)
