import io
import math
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
from cadrage.models.backbones.mobilenet_v2 import MobileNetMap
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.set_prediction import SetPredictor, SetProposer, decode_boxes

SMALL: dict[str, Any] = {"width": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 3, "hidden": 24, "anchors": 7}


class Patches(nn.Module):
    """A backbone whose cells see 16x16 pixels and nothing else, so that padding reaches no cell of the photo."""

    neutral_rgb: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.stride = 10, 16
        self.patch = nn.Conv2d(3, 10, 16, 16)
        self.register_buffer("neutral_rgb", torch.tensor([0.2, 0.4, 0.6]), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.patch(image)


def awake(model: SetPredictor) -> SetPredictor:
    """Fresh box heads ignore the photo; larger weights make differences visible."""
    nn.init.normal_(model.proposer.box_head[-1].weight, std=0.5)
    return model.eval()


@pytest.fixture
def model() -> SetPredictor:
    torch.manual_seed(0)
    return awake(SetPredictor(Patches(), **SMALL))


def batch_of(*photos: Tensor) -> tuple[Tensor, Tensor]:
    """Photos of any size in one batch, padded with noise at the right and below, and the padding."""
    height, width = (max(photo.shape[axis] for photo in photos) for axis in (1, 2))
    images, padding = (
        torch.rand(len(photos), 3, height, width),
        torch.ones(len(photos), height, width, dtype=torch.bool),
    )
    for image, outside, photo in zip(images, padding, photos, strict=True):
        image[:, : photo.shape[1], : photo.shape[2]] = photo
        outside[: photo.shape[1], : photo.shape[2]] = False
    return images, padding


def test_before_training_every_anchor_proposes_half_the_photo_at_its_reference_point() -> None:
    torch.manual_seed(1)
    prediction = SetPredictor(Patches(), **SMALL)(torch.rand(2, 3, 48, 64))
    centres, sizes = prediction.boxes_cxcywh.split(2, dim=-1)
    torch.testing.assert_close(centres, prediction.reference.expand_as(centres))
    torch.testing.assert_close(sizes, torch.full_like(sizes, 0.5))


def test_validity_starts_at_one_per_cent() -> None:
    bias = SetProposer(4, **SMALL).validity_head.bias
    assert bias.item() == pytest.approx(-4.595120, abs=1e-6)
    assert bias.sigmoid().item() == pytest.approx(0.01)


def test_box_decoding_worked_numbers() -> None:
    reference = torch.tensor([[0.3, 0.7], [0.5, 0.5]])
    raw = torch.tensor([[0.0, 0, 0, 0], [math.log(3), -math.log(3), math.log(4), -math.log(4)]])
    expected = torch.tensor([[0.3, 0.7, 0.5, 0.5], [0.75, 0.25, 0.8, 0.2]])
    torch.testing.assert_close(decode_boxes(raw, reference), expected)


def test_boxes_of_reference_points_on_the_border_are_finite_and_not_empty() -> None:
    reference = torch.tensor([[0.0, 1.0]], requires_grad=True)
    boxes = decode_boxes(torch.zeros(1, 4), reference)
    torch.testing.assert_close(boxes, torch.tensor([[1e-5, 1 - 1e-5, 0.5, 0.5]]), atol=1e-7, rtol=0)
    boxes.sum().backward()
    assert reference.grad is not None and torch.isfinite(reference.grad).all()


@pytest.mark.parametrize("sizes", [{"width": 24, "heads": 3}, {"width": 32, "heads": 8}, {"decoder_layers": 1}])
def test_shapes_of_any_size(sizes: dict[str, int]) -> None:
    settings = SMALL | sizes
    prediction = SetPredictor(Patches(), **settings)(torch.rand(2, 3, 32, 48))
    layers = settings["decoder_layers"]
    assert prediction.boxes_cxcywh.shape == (layers, 2, 7, 4)
    assert prediction.logits.shape == (layers, 2, 7)
    assert prediction.reference.shape == (7, 2)


@pytest.mark.parametrize(("width", "heads"), [(16, 3), (18, 2)])
def test_a_width_that_cannot_be_shared_is_refused(width: int, heads: int) -> None:
    with pytest.raises(UsageError, match=f"width {width}.*{heads} heads"):
        SetProposer(4, width=width, heads=heads)


def test_the_published_size() -> None:
    with torch.device("meta"):
        model = SetPredictor(ResNet50(dilated=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == 43_341_511


def test_batch_equals_single_in_any_order(model: SetPredictor) -> None:
    images = torch.rand(3, 3, 48, 64)
    together = model(images)
    shuffled = model(images[[2, 0, 1]])
    torch.testing.assert_close(shuffled.boxes_cxcywh, together.boxes_cxcywh[:, [2, 0, 1]])
    for index in range(3):
        alone = model(images[index : index + 1])
        torch.testing.assert_close(alone.boxes_cxcywh[:, 0], together.boxes_cxcywh[:, index])
        torch.testing.assert_close(alone.logits[:, 0], together.logits[:, index])
    assert not torch.allclose(together.logits[:, 0], together.logits[:, 1])


def test_padding_changes_nothing(model: SetPredictor) -> None:
    wide, high = torch.rand(3, 32, 80), torch.rand(3, 64, 48)
    together = model(*batch_of(wide, high))
    for index, photo in enumerate((wide, high)):
        alone = model(photo[None])
        torch.testing.assert_close(together.boxes_cxcywh[:, index], alone.boxes_cxcywh[:, 0])
        torch.testing.assert_close(together.logits[:, index], alone.logits[:, 0])


def test_a_cell_belongs_to_the_photo_when_its_first_pixel_does(model: SetPredictor) -> None:
    photo = torch.rand(3, 32, 40)
    whole_cells = model.backbone.neutral_rgb.view(3, 1, 1).repeat(1, 32, 48)
    whole_cells[:, :, :40] = photo
    padded = model(*batch_of(photo, torch.rand(3, 64, 64)))
    torch.testing.assert_close(padded.boxes_cxcywh[:, 0], model(whole_cells[None]).boxes_cxcywh[:, 0])


def test_padding_without_padding_changes_nothing(model: SetPredictor) -> None:
    images = torch.rand(2, 3, 48, 64)
    none = model(images, torch.zeros(2, 48, 64, dtype=torch.bool))
    torch.testing.assert_close(none.boxes_cxcywh, model(images).boxes_cxcywh)


def test_convolutions_across_the_border_see_neutral_padding() -> None:
    torch.manual_seed(2)
    model = awake(SetPredictor(ResNet50(base=4), **SMALL))
    photo = torch.rand(3, 64, 96)
    torch.manual_seed(3)
    one = model(*batch_of(photo, torch.rand(3, 128, 128)))
    torch.manual_seed(4)
    other = model(*batch_of(photo, torch.rand(3, 128, 128)))
    torch.testing.assert_close(one.boxes_cxcywh[:, 0], other.boxes_cxcywh[:, 0], atol=0, rtol=0)
    alone = model(photo[None])
    torch.testing.assert_close(one.boxes_cxcywh[:, 0], alone.boxes_cxcywh[:, 0], atol=0.05, rtol=0)


def test_features_and_propose_are_the_two_halves(model: SetPredictor) -> None:
    images, padding = batch_of(torch.rand(3, 32, 80), torch.rand(3, 64, 48))
    halves = model.propose(model.features(images, padding), padding)
    torch.testing.assert_close(halves.boxes_cxcywh, model(images, padding).boxes_cxcywh, atol=0, rtol=0)


def test_dropout_works_in_training_only(model: SetPredictor) -> None:
    images = torch.rand(1, 3, 48, 64)
    torch.testing.assert_close(model(images).logits, model(images).logits, atol=0, rtol=0)
    model.train()
    assert not torch.allclose(model(images).logits, model(images).logits)


def test_every_trained_parameter_gets_a_gradient() -> None:
    model = awake(SetPredictor(ResNet50(base=4), **SMALL)).train()
    prediction = model(*batch_of(torch.rand(3, 64, 96), torch.rand(3, 96, 64)))
    (prediction.boxes_cxcywh.square().sum() + prediction.logits.square().sum()).backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name, parameter in model.named_parameters() if parameter.grad is not None} == trained


def test_boxes_stay_in_full_precision_under_autocast(model: SetPredictor) -> None:
    images = torch.rand(2, 3, 48, 64)
    exact = model(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(images)
    assert mixed.boxes_cxcywh.dtype == mixed.logits.dtype == torch.float32
    torch.testing.assert_close(mixed.boxes_cxcywh, exact.boxes_cxcywh, atol=0.02, rtol=0)


def test_mobilenet_map_normalises_its_neutral_colour_to_zero() -> None:
    backbone = MobileNetMap()
    seen: list[Tensor] = []
    backbone.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = backbone(backbone.neutral_rgb.view(1, 3, 1, 1).expand(1, 3, 64, 96))
    assert seen[0].abs().max() == 0
    assert features.shape == (1, backbone.channels, 64 // backbone.stride, 96 // backbone.stride)


def exported(part: nn.Module, example: Tensor) -> onnx.ModelProto:
    with warnings.catch_warnings():
        # The exporter warns about its own dependencies.
        warnings.simplefilter("ignore")
        shapes = ({0: Dim("batch")},)
        program = torch.onnx.export(part, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    assert program is not None
    return program.model_proto


def assert_equal_in_onnx(part: nn.Module, example: Tensor) -> onnx.ModelProto:
    proto = exported(part, example)
    file = io.BytesIO()
    onnx.save(proto, file)
    session = start(file.getvalue())
    for batch in (1, 3):
        x = torch.rand(batch, *example.shape[1:])
        with torch.no_grad():
            expected = part(x)
        got = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        for theirs, ours in zip(got, [expected] if isinstance(expected, Tensor) else expected, strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-4)
    return proto


def test_the_model_exports_for_any_batch_and_without_masks() -> None:
    torch.manual_seed(5)
    model = awake(SetPredictor(ResNet50(base=4, dilated=True), **SMALL))
    proto = assert_equal_in_onnx(model, torch.rand(2, 3, 64, 96))
    assert {node.op_type for node in proto.graph.node}.isdisjoint({"Where", "Not", "CumSum", "IsNaN"})


def test_the_proposer_exports_alone(model: SetPredictor) -> None:
    assert_equal_in_onnx(model.proposer, torch.rand(2, 10, 4, 6))
