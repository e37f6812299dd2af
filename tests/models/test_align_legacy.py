from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.align import check_corners, hat_weights, rod_align, roi_align

TOY = (4 * torch.arange(4.0)[:, None] + torch.arange(4.0)[None]).view(1, 1, 4, 4).double()
RELEASED = Path(__file__).parent / "calibration" / "gaic_align.npz"


def boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def bilinear(plane: np.ndarray, y: float, x: float) -> float:
    """With the base cell pulled back at the end of the map, where the fraction exceeds 1."""
    height, width = plane.shape
    if not (0 <= y < height and 0 <= x < width):
        return 0.0
    y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
    dy, dx = y - y0, x - x0
    top = plane[y0, x0] * (1 - dx) + plane[y0, x0 + 1] * dx
    bottom = plane[y0 + 1, x0] * (1 - dx) + plane[y0 + 1, x0 + 1] * dx
    return float(top * (1 - dy) + bottom * dy)


def slow(plane: np.ndarray, box: np.ndarray, bins: tuple[int, int], *, outside: bool) -> np.ndarray:
    height, width = plane.shape
    x1, y1, x2, y2 = box
    points_y, points_x = bins[0] + 1, bins[1] + 1
    samples = np.zeros((points_y, points_x))
    for row in range(points_y):
        for column in range(points_x):
            if outside:
                y, x = row * (height - 1.001) / bins[0], column * (width - 1.001) / bins[1]
                if not (x1 <= x <= x2 and y1 <= y <= y2):
                    samples[row, column] = bilinear(plane, y, x)
            else:
                y = y1 + row * (max(y2 - y1 + 1, 0) / bins[0])
                x = x1 + column * (max(x2 - x1 + 1, 0) / bins[1])
                samples[row, column] = bilinear(plane, y, x)
    return (samples[:-1, :-1] + samples[1:, :-1] + samples[:-1, 1:] + samples[1:, 1:]) / 4


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_released_operators_return_the_same(dtype: torch.dtype) -> None:
    with np.load(RELEASED) as released:
        features = torch.from_numpy(released["features"]).to(dtype)
        cells = (torch.from_numpy(released["boxes_xyxy"]).to(dtype) / 16).unsqueeze(0)
        roi, rod = (align(features, cells, 9, legacy=True)[0].numpy() for align in (roi_align, rod_align))
        np.testing.assert_allclose(roi, released["roi_avg9"], atol=4e-6)
        np.testing.assert_allclose(rod, released["rod_avg9"], atol=4e-6)
        # The clean window is another one.
        assert np.abs(roi_align(features, cells, 9)[0].numpy() - released["roi_avg9"]).max() > 0.1


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("bins", [(9, 9), (3, 5)])
def test_matrix_form_equals_the_loop_definition(outside: bool, bins: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(2, 16, 24))
    corners = np.sort(rng.uniform(-1, 1.05, size=(200, 2, 2)), axis=1)
    asked = (corners * [24, 16]).reshape(200, 4)
    align = rod_align if outside else roi_align
    ours = align(torch.from_numpy(planes)[None], torch.from_numpy(asked)[None], bins, legacy=True)[0].numpy()
    assert ours.shape == (200, 2, *bins)
    for index in range(200):
        for channel in range(2):
            expected = slow(planes[channel], asked[index], bins, outside=outside)
            np.testing.assert_allclose(ours[index, channel], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1, 1, 2, 2), [[7.5, 8.5], [11.5, 12.5]]),
        # The last samples lie on the end of the map, where the released code reads zero.
        ((1, 1, 3, 3), [[8.75, 4.75], [5.875, 3.125]]),
        # Corners that changed places leave a window of a single column.
        ((2, 1, 1, 2), [[8, 8], [12, 12]]),
    ],
)
def test_roi_worked_numbers(box: tuple[float, ...], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(roi_align(TOY, boxes(box), 2, legacy=True)[0, 0, 0].numpy(), expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1, 1, 2, 2), [[1.874375, 3.373875], [7.872375, 9.371875]]),
        ((1, 1, 3, 3), [[1.874375, 1.124625], [4.4985, 0]]),
        ((0, 0, 3, 3), [[0, 0], [0, 0]]),
        ((2, 1, 1, 2), [[3.74875, 5.24825], [9.74675, 11.24625]]),
    ],
)
def test_rod_worked_numbers(box: tuple[float, ...], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(rod_align(TOY, boxes(box), 2, legacy=True)[0, 0, 0].numpy(), expected, atol=1e-12)


def test_the_last_sample_of_an_outer_anchor_is_beyond_the_map() -> None:
    # Pixels (16, 10, 368, 246) of 384 x 256: x ends at cell 23, plus one is the width.
    features = torch.ones(1, 1, 16, 24, dtype=torch.float64)
    got = roi_align(features, boxes((1.0, 0.625, 23.0, 15.375)), 9, legacy=True)[0, 0, 0]
    np.testing.assert_allclose(got[0].numpy(), [1.0] * 8 + [0.5], rtol=1e-14)


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(3)
    features = torch.from_numpy(rng.normal(size=(1, 1, 4, 5))).requires_grad_()
    asked = boxes((0.31, 0.42, 2.17, 1.73), (1.2, 0.9, 3.45, 2.71)).requires_grad_()
    assert torch.autograd.gradcheck(lambda f, b: roi_align(f, b, 3, legacy=True), (features, asked))
    assert torch.autograd.gradcheck(lambda f: rod_align(f, asked.detach(), 3, legacy=True), (features,))


def test_bins_of_each_axis_stay_with_their_axis() -> None:
    # The value of a cell is its row: it changes along y and nowhere along x.
    rows = torch.arange(6.0).view(1, 1, 6, 1).expand(1, 1, 6, 8).double()
    got = roi_align(rows, boxes((0, 0, 7, 5)), (5, 2))[0, 0, 0]
    np.testing.assert_allclose(got.numpy(), np.repeat([[0.5], [1.5], [2.5], [3.5], [4.5]], 2, axis=1))
    assert rod_align(rows, boxes((9, 9, 9, 9)), (5, 2)).shape == (1, 1, 1, 5, 2)


def test_a_mirrored_photo_gives_mirrored_regions_in_the_clean_form_only() -> None:
    rng = np.random.default_rng(4)
    features = torch.from_numpy(rng.normal(size=(1, 2, 16, 22)))
    normalised = boxes((0.1, 0.2, 0.7, 0.9), (0.0, 0.0, 1.0, 1.0), (0.45, 0.1, 0.95, 0.6))
    mirrored = torch.stack([1 - normalised[..., 2], normalised[..., 1], 1 - normalised[..., 0], normalised[..., 3]], -1)
    size = torch.tensor([22.0, 16, 22, 16], dtype=torch.float64)
    for align in (roi_align, rod_align):
        there = align(features, normalised * size - 0.5, 9)
        back = align(features.flip(3), mirrored * size - 0.5, 9).flip(4)
        np.testing.assert_allclose(there.numpy(), back.numpy(), atol=1e-12)
    there = roi_align(features, normalised * size, 9, legacy=True)
    back = roi_align(features.flip(3), mirrored * size, 9, legacy=True).flip(4)
    assert (there - back).abs().max() > 0.1


def test_a_map_of_one_cell_is_itself() -> None:
    one = torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64)
    assert roi_align(one, boxes((0, 0, 0, 0)), 2)[0, 0, 0].eq(3).all()
    assert hat_weights(torch.tensor([0.0, 0.4]), 1).eq(1).all()
    # The first two of three samples, at 0, 1/2 and 1, lie on the map.
    np.testing.assert_allclose(
        roi_align(one, boxes((0, 0, 0, 0)), 2, legacy=True)[0, 0, 0].numpy(), [[3, 1.5], [1.5, 0.75]]
    )


@pytest.mark.parametrize(
    "box", [(0.5, 0.1, 0.2, 0.9), (0.1, 0.9, 0.2, 0.5), (0.1, float("nan"), 0.2, 0.5), (0.1, 0.1, float("inf"), 0.5)]
)
def test_boxes_whose_corners_changed_places_are_refused(box: tuple[float, ...]) -> None:
    good = (0.1, 0.1, 0.5, 0.5)
    with pytest.raises(UsageError, match=r"box \[0, 1\] is \(.*swap the corners"):
        check_corners(boxes(good, box))
    with pytest.raises(UsageError, match=r"shape \(\.\.\., 4\), got \(2, 3\)"):
        check_corners(torch.zeros(2, 3))
    check_corners(boxes(good, (0.2, 0.2, 0.2, 0.2)))
    check_corners(torch.zeros(0, 4))
