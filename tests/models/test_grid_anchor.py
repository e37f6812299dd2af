import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from cadrage.errors import UsageError
from cadrage.inference.runtime import start
from cadrage.models import align, grid_anchor
from cadrage.models.align import rod_align, roi_align
from cadrage.models.backbones.pyramids import MobileNetPyramid, make_pyramid
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.grid_anchor import GridAnchorModel


def small(**settings: Any) -> GridAnchorModel:
    """A quick model whose scores differ between boxes."""
    torch.manual_seed(0)
    model = GridAnchorModel(VGG16(base=4), **{"reduced": 3, "bins": 4} | settings)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    for name, each in model.named_buffers():
        if "running" in name:
            each.uniform_(0.5, 1.5)
    return model.eval()


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    corners = np.sort(np.random.default_rng(seed).uniform(size=(batch, count, 2, 2)), axis=2)
    return torch.from_numpy(corners.reshape(batch, count, 4).astype(np.float32))


def mirror(boxes: Tensor) -> Tensor:
    return torch.stack([1 - boxes[..., 2], boxes[..., 1], 1 - boxes[..., 0], boxes[..., 3]], dim=-1)


@pytest.mark.parametrize(
    ("backbone", "total", "folded"),
    # A folded norm has a shift and no scale: one number less per channel.
    [("mobilenet-v2", 2_909_961, 15_776), ("shufflenet-v2-live", 1_877_581, 0), ("vgg16", 15_821_641, 0)],
)
def test_published_parameter_counts(backbone: str, total: int, folded: int) -> None:
    with torch.device("meta"):
        model = GridAnchorModel(make_pyramid(backbone))  # type: ignore[arg-type]
    assert sum(each.numel() for each in model.head.parameters()) == 1_094_657
    assert sum(each.numel() for each in model.parameters()) + folded == total


def test_what_is_folded_is_one_number_per_channel_of_mobilenet() -> None:
    with torch.device("meta"):
        convolutions = [each for each in MobileNetPyramid().modules() if isinstance(each, nn.Conv2d)]
    assert len(convolutions) == 51 and sum(each.out_channels for each in convolutions) == 15_776


@pytest.mark.parametrize(("backbone", "channels"), [("mobilenet-v2", 448), ("shufflenet-v2", 812), ("vgg16", 1536)])
def test_reductions_of_the_paper(backbone: str, channels: int) -> None:
    with torch.device("meta"):
        pyramid = make_pyramid(backbone)
        joined = GridAnchorModel(pyramid)  # type: ignore[arg-type]
        single = GridAnchorModel(pyramid, multi_scale=False)  # type: ignore[arg-type]
    assert sum(each.numel() for each in joined.reduce.parameters()) == 8 * channels + 8
    assert single.reduce.in_channels == pyramid.channels[1]


@pytest.mark.parametrize("legacy", [False, True])
def test_maps_are_joined_at_stride_16_and_the_coarsest_counts_half(legacy: bool) -> None:
    class Flat(nn.Module):
        """Maps of one colour each."""

        channels = (1, 1, 1)

        def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            cells = [image[:, :1, ::step, ::step] * 0 for step in (8, 16, 32)]
            return cells[0] + 1, cells[1] + 10, cells[2] + 100

    model = GridAnchorModel(Flat(), reduced=1, legacy=legacy)
    nn.init.ones_(model.reduce.weight)
    nn.init.zeros_(model.reduce.bias)  # type: ignore[arg-type]
    features = model.features(torch.rand(2, 3, 64, 96))
    assert features.shape == (2, 1, 4, 6)
    torch.testing.assert_close(features, torch.full((2, 1, 4, 6), 1 + 10 + 0.5 * 100))


def test_legacy_maps_are_resampled_between_their_corners() -> None:
    class Ramp(nn.Module):
        """Fine and coarse maps whose value is the column."""

        channels = (1, 1, 1)

        def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            width = image.shape[3]
            ramps = [torch.arange(width / step).view(1, 1, 1, -1).expand(1, 1, 2, -1) for step in (8, 16, 32)]
            return ramps[0], ramps[1] * 0, ramps[2] * 0

    columns = {}
    for legacy in (False, True):
        model = GridAnchorModel(Ramp(), reduced=1, legacy=legacy)
        nn.init.ones_(model.reduce.weight)
        nn.init.zeros_(model.reduce.bias)  # type: ignore[arg-type]
        columns[legacy] = model.features(torch.zeros(1, 3, 32, 64))[0, 0, 0].tolist()
    assert columns[False] == pytest.approx([0.5, 2.5, 4.5, 6.5])
    assert columns[True] == pytest.approx([0, 7 / 3, 14 / 3, 7])


@pytest.mark.parametrize("legacy", [False, True])
def test_a_score_is_the_head_of_what_is_inside_and_outside(legacy: bool) -> None:
    model, boxes = small(legacy=legacy), some_boxes(1, 5)
    features = torch.rand(1, 3, 6, 8)
    cells = boxes * torch.tensor([8.0, 6, 8, 6]) - (0 if legacy else 0.5)
    regions = torch.cat([align(features, cells, 4, legacy=legacy) for align in (roi_align, rod_align)], dim=2)
    head = model.head
    hidden = nn.functional.conv2d(regions[0], head.first.weight.view(-1, 6, 4, 4), head.first.bias).relu().flatten(1)
    expected = head.last(head.second(hidden).relu())[:, 0]
    torch.testing.assert_close(model.score(features, boxes)[0], expected)


@pytest.mark.parametrize("regions", ["roi", "rod"])
def test_one_region_alone_sees_only_that(regions: str) -> None:
    model = small(regions=regions)
    features = torch.rand(1, 3, 12, 12)
    box = torch.tensor([[[0.25, 0.25, 0.75, 0.75]]])

    def moved(changed: Tensor) -> bool:
        # What is outside is a difference of two products, which processors round differently.
        return (model.score(features, box) - model.score(changed, box)).abs().item() > 1e-5

    changed = features.clone()
    # Cells well inside the box, or those at the border.
    changed[..., 5:7, 5:7] += 1
    inside = moved(changed)
    changed = features.clone()
    changed[..., 0, :] += 1
    outside = moved(changed)
    assert (inside, outside) == (regions == "roi", regions == "rod")
    assert model.head.first.in_features == 3 * 4 * 4


@pytest.mark.parametrize("legacy", [False, True])
def test_the_whole_map_beside_the_region_is_that_of_every_box_and_hidden_by_none(legacy: bool) -> None:
    model, seen = small(regions="roi+whole", legacy=legacy), []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].view(2, 7, 6, 4, 4)))
    features, boxes = torch.rand(2, 3, 6, 8), some_boxes(2, 7)
    model.score(features, boxes)
    inside, whole = seen[0][:, :, :3], seen[0][:, :, 3:]
    cells = boxes * torch.tensor([8.0, 6, 8, 6]) - (0 if legacy else 0.5)
    torch.testing.assert_close(inside, roi_align(features, cells, 4, legacy=legacy))
    assert (whole == whole[:, :1]).all()
    # Five samples per axis from the first cell to the last, and the mean of each four neighbours.
    sampled = nn.functional.interpolate(features, size=(5, 5), mode="bilinear", align_corners=True)
    expected = nn.functional.avg_pool2d(sampled, 2, stride=1)
    torch.testing.assert_close(whole[:, 0], expected, atol=1e-3 if legacy else 1e-6, rtol=0)


def test_heads_are_as_wide_as_the_paper_s_table_of_regions_asks() -> None:
    assert [small(regions=each).head.first.in_features for each in grid_anchor.REGIONS] == [96, 48, 48, 96]


@pytest.mark.parametrize(("head", "kernel", "convolutions"), [("3x3", 3, 4), ("5x5", 5, 2)])
def test_small_kernels_lead_from_a_region_of_nine_cells_to_one(head: str, kernel: int, convolutions: int) -> None:
    """Valid convolutions of 16 channels, the last of them to 768 as the one of 9x9 (table 5)."""
    model = small(reduced=8, bins=9, head=head)
    before = [each for each in model.head.before.modules() if isinstance(each, nn.Conv2d)]
    assert {(each.in_channels, each.out_channels, each.kernel_size) for each in before} == {(16, 16, (kernel, kernel))}
    assert len(before) + 1 == convolutions
    assert (model.head.first.in_features, model.head.first.out_features) == (16 * kernel**2, 768)
    # Nothing but the head has changed.
    plain = set(small(reduced=8, bins=9).state_dict())
    assert {name for name in model.state_dict() if "before" not in name} == plain


SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"head": "norm"},
    {"multi_scale": False},
    {"regions": "roi"},
    {"regions": "roi+whole"},
    {"head": "3x3", "bins": 9},
    {"head": "5x5", "bins": 9},
)


@pytest.mark.parametrize("settings", SETTINGS)
def test_chunks_batch_and_order_do_not_matter(settings: dict[str, Any]) -> None:
    model, image, boxes = small(**settings), torch.rand(2, 3, 64, 96), some_boxes(2, 23)
    close = {"atol": 5e-5, "rtol": 1e-5}
    with torch.no_grad():
        together = model(image, boxes)
        assert together.shape == (2, 23) and together.std() > 1e-4
        features = model.features(image)
        for chunk in (1, 7, 23, 512):
            torch.testing.assert_close(model.score(features, boxes, chunk=chunk), together, **close)
        torch.testing.assert_close(model(image[1:], boxes[1:]), together[1:], **close)
        torch.testing.assert_close(model(image, boxes.flip(1)), together.flip(1), **close)
        assert model(image, boxes[:, :0]).shape == (2, 0)


def test_thousands_of_boxes_are_aligned_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def counted(features: Tensor, boxes: Tensor, bins: int, *, legacy: bool) -> Tensor:
        counts.append(boxes.shape[1])
        return roi_align(features, boxes, bins, legacy=legacy)

    monkeypatch.setattr(align, "roi_align", counted)
    model = small(regions="roi")
    with torch.no_grad():
        assert model.score(torch.rand(1, 3, 4, 4), some_boxes(1, 3000)).shape == (1, 3000)
    assert sum(counts) == 3000 and max(counts) <= 512
    # The statistics of a norm are those of all boxes, whatever the chunk.
    counts.clear()
    small(regions="roi", head="norm").train().score(torch.rand(1, 3, 4, 4), some_boxes(1, 600))
    assert counts == [600]


@pytest.mark.parametrize("regions", ["roi+rod", "roi+whole"])
def test_a_mirrored_map_and_mirrored_boxes_see_mirrored_regions(regions: str) -> None:
    model, boxes, seen = small(regions=regions), some_boxes(1, 9), []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].view(9, 6, 4, 4)))
    features = torch.rand(1, 3, 6, 8)
    model.score(features, boxes)
    model.score(features.flip(3), mirror(boxes))
    torch.testing.assert_close(seen[0], seen[1].flip(3), rtol=0, atol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    for settings in ({}, {"head": "norm"}, {"legacy": True}, {"regions": "roi+whole"}, {"head": "3x3", "bins": 9}):
        model = small(**settings).train()
        model(torch.rand(2, 3, 64, 64), some_boxes(2, 8)).square().mean().backward()
        assert [name for name, each in model.named_parameters() if each.grad is None] == []
        assert model.reduce.weight.grad.abs().max() > 0  # type: ignore[union-attr]


def test_unusable_boxes_and_settings_are_refused() -> None:
    model, image = small(), torch.rand(1, 3, 32, 32)
    with pytest.raises(UsageError, match="swap the corners"):
        model(image, torch.tensor([[[0.6, 0.1, 0.2, 0.9]]]))
    with pytest.raises(UsageError, match="chunk 0"):
        model.score(model.features(image), some_boxes(1, 2), chunk=0)
    for settings, message in (
        ({"head": "batch"}, "head 'batch': unknown; choose one of plain, norm"),
        ({"regions": "both"}, r"regions 'both': unknown; choose one of roi\+rod, roi, rod, roi\+whole"),
        ({"reduced": 0}, "at least 1"),
        ({"head": "5x5", "bins": 7}, "bins 7: convolutions of 5x5 reach no single cell"),
    ):
        with pytest.raises(UsageError, match=message):
            small(**settings)


class _Trunk(nn.Module):
    def __init__(self, model: GridAnchorModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model.features(image)


class _Scores(nn.Module):
    def __init__(self, model: GridAnchorModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        return self.model.score(features, boxes)


def exported(part: nn.Module, inputs: tuple[Tensor, ...], shapes: Sequence[Any]) -> onnx.ModelProto:
    with warnings.catch_warnings():
        # The exporter warns about its own dependencies.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(part, inputs, dynamo=True, dynamic_shapes=tuple(shapes), verbose=False)
    assert program is not None
    return program.model_proto


def run(proto: onnx.ModelProto, *inputs: Tensor) -> np.ndarray:
    file = io.BytesIO()
    onnx.save(proto, file)
    session = start(file.getvalue())
    names = [each.name for each in session.get_inputs()]
    (output,) = session.run(None, {name: each.numpy() for name, each in zip(names, inputs, strict=True)})
    return np.asarray(output)


@pytest.mark.parametrize("settings", [{}, {"head": "norm", "legacy": True}, {"regions": "roi+whole"}])
def test_scores_equal_torch_in_onnx_for_any_batch_and_count(settings: dict[str, Any]) -> None:
    model = small(**settings)
    batch, count = Dim("batch"), Dim("count")
    with torch.no_grad():
        features = model.features(torch.rand(2, 3, 64, 64))
        proto = exported(_Scores(model), (features, some_boxes(2, 3)), ({0: batch}, {0: batch, 1: count}))
        for photos, boxes in ((1, 1), (3, 40)):
            features, asked = model.features(torch.rand(photos, 3, 64, 64)), some_boxes(photos, boxes, seed=photos)
            np.testing.assert_allclose(run(proto, features, asked), model.score(features, asked), atol=1e-4)
    assert {node.op_type for node in proto.graph.node}.isdisjoint({"Loop", "If", "NonZero", "GatherND", "IsNaN"})


def test_maps_equal_torch_in_onnx_for_any_batch() -> None:
    torch.manual_seed(3)
    model = GridAnchorModel(make_pyramid("shufflenet-v2"), reduced=4).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        proto = exported(_Trunk(model), (torch.rand(2, 3, 64, 64),), ({0: Dim("batch")},))
        for photos in (1, 3):
            image = torch.rand(photos, 3, 64, 64)
            np.testing.assert_allclose(run(proto, image), model.features(image), atol=1e-4)
