import io
import warnings
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from cadrage.errors import UsageError
from cadrage.inference.runtime import start
from cadrage.models.align import rod_align, roi_align
from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.crop_content import CropContent
from cadrage.models.human_centric import HumanCentricModel

YES, NO = torch.tensor([True]), torch.tensor([False])


def small(**settings: Any) -> HumanCentricModel:
    """A quick model whose scores differ between boxes."""
    torch.manual_seed(0)
    model = HumanCentricModel(VGG16(base=2), **settings)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    return model.eval()


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, count, 2, 2, generator=generator).sort(dim=2).values.flatten(2)


def mirror(boxes: Tensor) -> Tensor:
    return torch.stack([1 - boxes[..., 2], boxes[..., 1], 1 - boxes[..., 0], boxes[..., 3]], dim=-1)


def scored(model: HumanCentricModel, features: Tensor, boxes: Tensor, *person: Tensor, chunk: int = 128) -> Tensor:
    updated = model.update(features, *person)
    return model.score(updated, model.heat(updated), boxes, chunk=chunk)


def test_published_parameter_counts() -> None:
    with torch.device("meta"):
        model = HumanCentricModel(make_pyramid("vgg16"))  # type: ignore[arg-type]
    counts = {name: sum(each.numel() for each in part.parameters()) for name, part in model.named_children()}
    assert counts == {
        "backbone": 14_714_688,
        "levels": 402_208,
        "partition": 129_328,
        "relation": 2_304,
        "heat_head": 593,
        "content": 1_439_200,
        "region": 2_785_792,
        "last": 513,
    }
    assert sum(counts.values()) == 19_474_626 and sum(counts.values()) - counts["backbone"] == 4_759_938


@pytest.mark.parametrize("size", [(256, 352), (64, 96)])
def test_maps_have_a_cell_per_16_pixels(size: tuple[int, int]) -> None:
    model = small()
    features = model.features(torch.rand(1, 3, *size))
    assert features.shape == (1, 32, size[0] // 16, size[1] // 16)
    heat = model.heat(features)
    assert heat is not None and heat.shape == (1, 1, 64, 64) and 0 <= heat.min() <= heat.max() <= 1


@pytest.mark.parametrize("legacy", [False, True])
def test_a_score_is_one_layer_on_regions_and_content(legacy: bool) -> None:
    model, boxes, features = small(legacy=legacy), some_boxes(1, 5), torch.randn(1, 32, 6, 8)
    cells = boxes * torch.tensor([8.0, 6, 8, 6]) - (0 if legacy else 0.5)
    with torch.no_grad():
        heat = model.heat(features)
        assert isinstance(model.content, CropContent) and heat is not None
        regions = torch.cat([align(features, cells, 9, legacy=legacy) for align in (roi_align, rod_align)], dim=2)
        both = torch.cat([model.region(regions), model.content(model.content.shared(heat), boxes)], dim=2)
        expected = both @ model.last.weight[0] + model.last.bias
        torch.testing.assert_close(model.score(features, heat, boxes), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{}, {"legacy": True}, {"parts": 2, "relation": "conv"}, {"parts": 0, "person_vector": False}, {"content": False}],
)
def test_chunks_batch_and_order_do_not_matter(settings: dict[str, Any]) -> None:
    model, image, boxes = small(**settings), torch.rand(3, 3, 64, 96), some_boxes(3, 11)
    persons, has_person = some_boxes(3, 1, seed=5)[:, 0], torch.tensor([True, False, True])
    with torch.no_grad():
        together, heat = model(image, boxes, persons, has_person)
        assert together.shape == (3, 11) and together.std(dim=1).min() > 1e-4
        assert (heat is None) == (settings == {"content": False})
        close = {"atol": 1e-4, "rtol": 1e-4}
        features = model.features(image)
        for chunk in (1, 4, 512):
            found = scored(model, features, boxes, persons, has_person, chunk=chunk)
            torch.testing.assert_close(found, together, **close)
        # Whether a photo has a person is asked of each, not of the first in the batch.
        for photo in range(3):
            alone = model(*(each[photo : photo + 1] for each in (image, boxes, persons, has_person))).scores
            torch.testing.assert_close(alone[0], together[photo], **close)
        torch.testing.assert_close(model(image, boxes.flip(1), persons, has_person).scores, together.flip(1), **close)
        assert model(image, boxes[:, :0], persons, has_person).scores.shape == (3, 0)


def test_the_person_counts_if_there_is_one() -> None:
    model, features, boxes = small(), torch.randn(1, 32, 8, 8), some_boxes(1, 6)
    persons = [torch.tensor([[0.1, 0.2, 0.4, 0.9]]), torch.tensor([[0.6, 0.2, 0.9, 0.9]])]
    with torch.no_grad():
        with_person = [scored(model, features, boxes, person, YES) for person in persons]
        without = [scored(model, features, boxes, person, NO) for person in persons]
        assert (with_person[0] - with_person[1]).abs().max() > 1e-3 and (with_person[0] - without[0]).abs().max() > 1e-3
        torch.testing.assert_close(without[0], without[1], rtol=0, atol=0)
        torch.testing.assert_close(without[0], model.score(features, model.heat(features), boxes))
        nn.init.zeros_(model.partition.transforms.weight)
        nn.init.zeros_(model.partition.transforms.bias)  # type: ignore[arg-type]
        torch.testing.assert_close(scored(model, features, boxes, persons[0], YES), without[0], rtol=0, atol=0)


def test_thousands_of_boxes_are_described_a_chunk_at_a_time() -> None:
    model, counts = small(), []
    assert model.content is not None
    model.content.register_forward_pre_hook(lambda _, inputs: counts.append(inputs[1].shape[1]))
    with torch.no_grad():
        features = torch.rand(1, 32, 4, 4)
        assert scored(model, features, some_boxes(1, 300), some_boxes(1, 1)[:, 0], YES).shape == (1, 300)
    assert sum(counts) == 300 and max(counts) <= 128


def test_worked_regions_of_the_released_sampling() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    # Pixels of a photo of 128 x 128.
    corner, far = (torch.tensor([[box]]) / 16 for box in ([0.0, 0, 64, 64], [64.0, 64, 128, 128]))
    for align, box, expected in (
        (roi_align, corner, [[1.25, 3.75], [1.25, 3.75]]),
        (rod_align, corner, [[0, 3.4995], [0.874875, 4.374375]]),
        # Beyond the border there are zeros.
        (roi_align, far, [[5.25, 3.25], [2.625, 1.625]]),
    ):
        torch.testing.assert_close(align(ramp, box, 2, legacy=True)[0, 0, 0], torch.tensor(expected))


def test_a_crop_of_the_whole_photo_leaves_nothing_out() -> None:
    model, seen = small(legacy=True), []
    model.region.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.randn(1, 32, 6, 8)
    model.score(features, model.heat(features), torch.tensor([[[0.0, 0, 1, 1], [0.2, 0, 1, 1]]]))
    # The halves of the 64 channels: inside, outside.
    inside, outside = seen[0][0].abs().split(32, dim=1)
    # What is outside is a difference of two products; how each rounds is the processor's choice.
    assert outside[0].max() < 2e-6 and outside[1].max() > 0.1 and inside[0].max() > 0.1


def test_a_mirrored_map_and_mirrored_boxes_see_mirrored_regions() -> None:
    model, boxes, seen = small(), some_boxes(1, 9), []
    model.region.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.rand(1, 32, 6, 8)
    for each, asked in ((features, boxes), (features.flip(3), mirror(boxes))):
        model.score(each, model.heat(each), asked)
    torch.testing.assert_close(seen[0], seen[1].flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"legacy": True}, {"relation": "conv", "parts": 1}, {"content": False}])
def test_gradients_reach_every_parameter(settings: dict[str, Any]) -> None:
    model = small(**settings).train()
    persons, has_person = some_boxes(2, 1)[:, 0], torch.tensor([True, False])
    # Through the score alone: the heat map is not cut off from it.
    model(torch.rand(2, 3, 64, 64), some_boxes(2, 6), persons, has_person).scores.square().mean().backward()
    assert [
        name for name, each in model.named_parameters() if each.grad is None or not each.grad.isfinite().all()
    ] == []
    assert model.heat_head is None or model.heat_head.last.weight.grad.abs().max() > 0  # type: ignore[union-attr]


def test_unusable_input_is_refused() -> None:
    model, features, boxes = small(), torch.rand(2, 32, 4, 4), some_boxes(2, 2)
    heat, both = model.heat(features), torch.tensor([True, True])
    with pytest.raises(UsageError, match="swap the corners"):
        model.score(features, heat, torch.tensor([[[0.6, 0.1, 0.2, 0.9]]] * 2))
    with pytest.raises(UsageError, match="chunk 0"):
        model.score(features, heat, boxes, chunk=0)
    with pytest.raises(UsageError, match="heat map is missing"):
        model.score(features, None, boxes)
    fine = [0.1, 0.1, 0.5, 0.5]
    for wrong, message in (
        ([0.6, 0.1, 0.2, 0.9], "swap the corners"),
        ([0.6, 0.1, float("nan"), 0.9], "swap the corners"),
        ([1.1, 0.1, 1.2, 0.9], "nothing of it is on the photo"),
        ([0.0, 0.0, 0.0, 0.0], "nothing of it is on the photo"),
    ):
        with pytest.raises(UsageError, match=message):
            model.update(features, torch.tensor([fine, wrong]), both)
        model.update(features, torch.tensor([fine, wrong]), torch.tensor([True, False]))
    with pytest.raises(UsageError, match="relation 'gcn': unknown; choose one of graph, conv"):
        small(relation="gcn")


class _Trunk(nn.Module):
    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model.features(image)


class _Evaluator(nn.Module):
    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, boxes: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        return scored(self.model, features, boxes, person_xyxy, has_person)


def exported(part: nn.Module, inputs: tuple[Tensor, ...], shapes: tuple[Any, ...]) -> onnx.ModelProto:
    with warnings.catch_warnings():
        # The exporter warns about its own dependencies.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(part, inputs, dynamo=True, dynamic_shapes=shapes, verbose=False)
    assert program is not None
    return program.model_proto


def run(proto: onnx.ModelProto, *inputs: Tensor) -> np.ndarray:
    file = io.BytesIO()
    onnx.save(proto, file)
    session = start(file.getvalue())
    names = [each.name for each in session.get_inputs()]
    (output,) = session.run(None, {name: each.numpy() for name, each in zip(names, inputs, strict=True)})
    return np.asarray(output)


@pytest.mark.parametrize("settings", [{}, {"legacy": True, "parts": 2, "relation": "conv"}])
def test_scores_equal_torch_in_onnx_for_any_batch_and_count(settings: dict[str, Any]) -> None:
    model, batch, count = small(**settings), Dim("batch"), Dim("count")
    only = {0: batch}
    with torch.no_grad():
        example = (torch.randn(2, 32, 4, 4), some_boxes(2, 3), some_boxes(2, 1)[:, 0], torch.tensor([True, False]))
        proto = exported(_Evaluator(model), example, (only, {0: batch, 1: count}, only, only))
        for photos, boxes in ((1, 1), (3, 40)):
            persons, has_person = some_boxes(photos, 1, seed=9)[:, 0], torch.arange(photos) % 2 == 0
            asked = (torch.randn(photos, 32, 4, 4), some_boxes(photos, boxes, seed=photos), persons, has_person)
            np.testing.assert_allclose(run(proto, *asked), scored(model, *asked), atol=1e-4, rtol=1e-4)
    assert {node.op_type for node in proto.graph.node}.isdisjoint({"Loop", "If", "NonZero", "GatherND", "IsNaN"})


def test_maps_equal_torch_in_onnx_for_any_batch() -> None:
    model = small()
    with torch.no_grad():
        proto = exported(_Trunk(model), (torch.rand(2, 3, 64, 64),), ({0: Dim("batch")},))
        for photos in (1, 3):
            image = torch.rand(photos, 3, 64, 64)
            np.testing.assert_allclose(run(proto, image), model.features(image), atol=1e-4)
