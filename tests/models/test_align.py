import numpy as np
import pytest
import torch

from cadrage.models.align import fold, hat_weights, rod_align, roi_align

TOY = (4 * torch.arange(4.0)[:, None] + torch.arange(4.0)[None]).view(1, 1, 4, 4).double()


def bilinear(plane: np.ndarray, y: float, x: float) -> float:
    height, width = plane.shape
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
    dy, dx = y - y0, x - x0
    top = plane[y0, x0] * (1 - dx) + plane[y0, x0 + 1] * dx
    bottom = plane[y0 + 1, x0] * (1 - dx) + plane[y0 + 1, x0 + 1] * dx
    return float(top * (1 - dy) + bottom * dy)


def slow(plane: np.ndarray, box: np.ndarray, bins: int, *, outside: bool) -> np.ndarray:
    """Sample by sample, as the paper describes it."""
    height, width = plane.shape
    x1, y1, x2, y2 = box
    samples = np.zeros((bins + 1, bins + 1))
    for row in range(bins + 1):
        for column in range(bins + 1):
            if outside:
                y, x = row * (height - 1) / bins, column * (width - 1) / bins
                inside = x1 <= x <= x2 and y1 <= y <= y2
                samples[row, column] = 0 if inside else bilinear(plane, y, x)
            else:
                y, x = y1 + row * (y2 - y1) / bins, x1 + column * (x2 - x1) / bins
                samples[row, column] = bilinear(plane, y, x)
    return (samples[:-1, :-1] + samples[1:, :-1] + samples[:-1, 1:] + samples[1:, 1:]) / 4


@pytest.mark.parametrize("outside", [False, True])
def test_matrix_form_equals_the_loop_definition(outside: bool) -> None:
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(3, 16, 24))
    corners = np.sort(rng.uniform(-1, 1.05, size=(200, 2, 2)), axis=1)
    boxes = (corners * [24, 16]).reshape(200, 4)
    align = rod_align if outside else roi_align
    ours = align(torch.from_numpy(planes)[None], torch.from_numpy(boxes)[None], 9)[0].numpy()
    for index in range(200):
        for channel in range(3):
            expected = slow(planes[channel], boxes[index], 9, outside=outside)
            np.testing.assert_allclose(ours[index, channel], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("box", "expected"),
    [((1, 1, 2, 2), [[6.25, 6.75], [8.25, 8.75]]), ((1, 1, 3, 3), [[7.5, 8.5], [11.5, 12.5]])],
)
def test_roi_worked_numbers(box: tuple[float, ...], expected: list[list[float]]) -> None:
    got = roi_align(TOY, torch.tensor([[box]], dtype=torch.float64), 2)[0, 0, 0]
    np.testing.assert_allclose(got.numpy(), expected)


def test_rod_of_the_whole_map_is_zero() -> None:
    assert rod_align(TOY, torch.tensor([[[0.0, 0.0, 3.0, 3.0]]], dtype=torch.float64), 2).abs().max() < 1e-13


def test_rod_without_a_box_on_the_map_is_the_resampled_map() -> None:
    got = rod_align(TOY, torch.tensor([[[9.0, 9.0, 9.5, 9.5]]], dtype=torch.float64), 3)[0, 0, 0]
    cells = TOY[0, 0]
    mean = (cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]) / 4
    np.testing.assert_allclose(got.numpy(), mean.numpy())


@pytest.mark.parametrize("align", [roi_align, rod_align])
def test_mirrored_map_and_box_give_mirrored_features(align: object) -> None:
    rng = np.random.default_rng(1)
    features = torch.from_numpy(rng.normal(size=(1, 2, 6, 7)))
    boxes = torch.tensor([[[0.3, 1.1, 4.2, 4.9]]], dtype=torch.float64)
    mirrored = torch.stack([6 - boxes[..., 2], boxes[..., 1], 6 - boxes[..., 0], boxes[..., 3]], dim=-1)
    there = align(features, boxes, 4)  # type: ignore[operator]
    back = align(features.flip(3), mirrored, 4).flip(4)  # type: ignore[operator]
    np.testing.assert_allclose(there.numpy(), back.numpy(), atol=1e-12)


def test_batch_equals_single_and_no_boxes_is_fine() -> None:
    rng = np.random.default_rng(2)
    features = torch.from_numpy(rng.normal(size=(3, 2, 5, 5)))
    boxes = torch.from_numpy(np.sort(rng.uniform(0, 5, size=(3, 4, 2, 2)), axis=2).reshape(3, 4, 4))
    together = roi_align(features, boxes, 3)
    for index in range(3):
        alone = roi_align(features[index : index + 1], boxes[index : index + 1, 2:3], 3)
        np.testing.assert_allclose(together[index, 2].numpy(), alone[0, 0].numpy(), atol=1e-12)
    assert roi_align(features, boxes[:, :0], 3).shape == (3, 0, 2, 3, 3)


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(3)
    features = torch.from_numpy(rng.normal(size=(1, 1, 4, 5))).requires_grad_()
    boxes = torch.tensor([[[0.31, 0.42, 3.17, 2.73]]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, b: roi_align(f, b, 3), (features, boxes))
    assert torch.autograd.gradcheck(lambda f: rod_align(f, boxes.detach(), 3), (features,))


def test_hat_weights_sum_to_one_and_fold_halves_the_rows() -> None:
    weights = hat_weights(torch.linspace(-2, 8, 21), 6)
    np.testing.assert_allclose(weights.sum(-1).numpy(), np.ones(21), rtol=1e-6)
    assert fold(weights).shape == (20, 6)
