"""Models laid out, and so named, as those released with the paper: their scores must be ours after loading."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.align import rod_align, roi_align
from cadrage.models.backbones.pyramids import MobileNetPyramid, make_pyramid
from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.checkpoints.grid_anchor import head_variant, load_grid_anchor
from cadrage.models.grid_anchor import GridAnchorModel

MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def steps(*sizes: tuple[int, int, int, int, int], ends: tuple[bool, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Convolutions with norms in one flat list, activations where ``ends`` says so."""
    layers: list[nn.Module] = []
    for (inputs, outputs, kernel, stride, groups), active in zip(sizes, ends, strict=True):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)]
        layers += [nn.BatchNorm2d(outputs), *([activation()] if active else [])]
    return nn.Sequential(*layers)


class MobileBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        rest = ((hidden, hidden, 3, stride, hidden), (hidden, outputs, 1, 1, 1))
        wide = ((inputs, hidden, 1, 1, 1),) if expansion > 1 else ()
        self.conv = steps(*wide, *rest, ends=(True,) * (len(wide) + 1) + (False,), activation=nn.ReLU6)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class ShuffleBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, self.begins = outputs // 2, inputs != outputs
        start, stride = (inputs, 2) if self.begins else (half, 1)
        if self.begins:
            self.banch1 = steps(
                (inputs, inputs, 3, 2, inputs), (inputs, half, 1, 1, 1), ends=(False, True), activation=nn.ReLU
            )
        self.banch2 = steps(
            (start, half, 1, 1, 1), (half, half, 3, stride, half), (half, half, 1, 1, 1),
            ends=(True, False, True), activation=nn.ReLU,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        first, second = (self.banch1(x), x) if self.begins else x.chunk(2, dim=1)
        return nn.functional.channel_shuffle(torch.cat([first, self.banch2(second)], dim=1), 2)


class Parts(nn.Module):
    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.feature3, self.feature4, self.feature5 = parts

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (fine := self.feature3(x)), (middle := self.feature4(fine)), self.feature5(middle)


def mobilenet() -> Parts:
    layers: list[nn.Module] = [steps((3, 32, 3, 2, 1), ends=(True,), activation=nn.ReLU6)]
    width = 32
    for expansion, outputs, repeats, stride in MOBILENET:
        for index in range(repeats):
            layers.append(MobileBlock(width, outputs, stride if index == 0 else 1, expansion))
            width = outputs
    features = nn.Sequential(*layers)
    return Parts(*(nn.Sequential(features[a:b]) for a, b in ((0, 7), (7, 14), (14, 18))))


def shufflenet() -> Parts:
    widths = [24] + [116] * 4 + [232] * 8 + [464] * 4
    features = nn.Sequential(*(ShuffleBlock(a, b) for a, b in pairwise(widths)))
    stem = steps((3, 24, 3, 2, 1), ends=(True,), activation=nn.ReLU)
    return Parts(
        nn.Sequential(stem, nn.MaxPool2d(3, 2, 1), features[:4]),
        *(nn.Sequential(features[a:b]) for a, b in ((4, 12), (12, 16))),
    )  # fmt: skip


def vgg() -> Parts:
    layers: list[nn.Module] = []
    width = 3
    for count, outputs in ((2, 4), (2, 8), (3, 16), (3, 32), (3, 32)):
        for _ in range(count):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU()]
            width = outputs
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    parts = Parts(*(nn.Sequential(features[a:b]) for a, b in ((0, 23), (23, 30), (30, 31))))
    # Stored a second time.
    parts.feature = nn.Sequential(features[:-1])
    return parts


class Released(nn.Module):
    def __init__(self, backbone: Parts, channels: int, *, normed: bool, dropout: bool = True) -> None:
        super().__init__()
        self.Feat_ext = backbone
        self.DimRed = nn.Conv2d(channels, 8, 1)

        def layer(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
            norm = [nn.BatchNorm2d(outputs)] if normed else []
            return nn.Sequential(nn.Conv2d(inputs, outputs, kernel), *norm, nn.ReLU())

        middle = [nn.Dropout()] if dropout else []
        self.FC_layers = nn.Sequential(layer(16, 768, 9), layer(768, 128, 1), *middle, nn.Conv2d(128, 1, 1))

    def forward(self, image: Tensor, boxes_px: Tensor) -> Tensor:
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        fine, middle, coarse = self.Feat_ext((image - mean.view(3, 1, 1)) / deviation.view(3, 1, 1))
        fine = F.interpolate(fine, scale_factor=0.5, mode="bilinear", align_corners=True)
        coarse = 0.5 * F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=True)
        reduced = self.DimRed(torch.cat([fine, middle, coarse], dim=1))
        regions = [align(reduced, boxes_px / 16, 9, legacy=True) for align in (roi_align, rod_align)]
        return self.FC_layers(torch.cat(regions, dim=2).flatten(0, 1)).view(boxes_px.shape[:2])


def awake(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.uniform_(-0.2, 0.2)
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return model.eval()


RELEASED = {
    "mobilenet": (mobilenet, 448, lambda: MobileNetPyramid(symmetric=True)),
    "shufflenet": (shufflenet, 812, ShuffleNetV2),
    "vgg": (vgg, 96, lambda: VGG16(base=4)),
}


@pytest.mark.parametrize(
    ("name", "normed", "dropout"),
    [("mobilenet", True, True), ("shufflenet", True, True), ("vgg", False, True), ("shufflenet", False, False)],
)
def test_a_released_model_and_ours_give_the_same_scores(tmp_path: Path, name: str, normed: bool, dropout: bool) -> None:
    backbone, channels, pyramid = RELEASED[name]
    reference = awake(Released(backbone(), channels, normed=normed, dropout=dropout))
    torch.save(reference.state_dict(), tmp_path / "released.pth")
    model = GridAnchorModel(pyramid(), head="norm" if normed else "plain", legacy=True).eval()  # type: ignore[operator]
    load_grid_anchor(model, tmp_path / "released.pth")
    image = torch.rand(1, 3, 64, 96)
    boxes_px = torch.tensor([[[4.0, 3, 80, 60], [0, 0, 96, 64], [30, 10, 70, 40]]])
    with torch.no_grad():
        expected = reference(image, boxes_px)
        got = model(image, boxes_px / torch.tensor([96.0, 64, 96, 64]))
    assert expected.std() > 1e-3
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_released_mobilenets_need_their_own_padding(tmp_path: Path) -> None:
    file = tmp_path / "released.safetensors"
    save_file(Released(mobilenet(), 448, normed=False).state_dict(), file)
    with pytest.raises(UsageError, match=r"padding of PyTorch.*mobilenet-v2-torch"):
        load_grid_anchor(GridAnchorModel(MobileNetPyramid(), legacy=True), file)


def own(head: Any = "plain", **settings: Any) -> GridAnchorModel:
    return GridAnchorModel(VGG16(base=2), reduced=2, bins=3, head=head, **settings)


@pytest.mark.parametrize("head", ["plain", "norm"])
def test_our_own_weights_come_back(tmp_path: Path, head: str) -> None:
    model, other, file = own(head), own(head), tmp_path / "own.safetensors"
    save_file(model.state_dict(), file)
    load_grid_anchor(other, file)
    assert all(torch.equal(each, model.state_dict()[name]) for name, each in other.state_dict().items())


@pytest.mark.parametrize(("stored", "wanted"), [("plain", "norm"), ("norm", "plain")])
def test_another_variant_of_the_head_is_named(tmp_path: Path, stored: str, wanted: str) -> None:
    file = tmp_path / "own.safetensors"
    save_file(own(stored).state_dict(), file)
    message = f"own.safetensors: its head is the variant '{stored}', this model has '{wanted}'; .* head='{stored}'"
    with pytest.raises(UsageError, match=message):
        load_grid_anchor(own(wanted), file)


def test_other_sizes_and_other_files_list_what_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    save_file(own().state_dict(), file)
    other = GridAnchorModel(VGG16(base=4), reduced=2, bins=3)
    with pytest.raises(
        UsageError, match=r"backbone\.stages\.0\.0\.weight is \(2, 3, 3, 3\), the model has \(4, 3, 3, 3\)"
    ):
        load_grid_anchor(other, file)
    save_file(make_pyramid("shufflenet-v2").state_dict(), file)
    with pytest.raises(UsageError, match=r"does not fit this model.*is not in the file"):
        load_grid_anchor(own(), file)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reduced": 4}, "reduces to 2 channels, this model to 4; build the model with reduced=2"),
        ({"bins": 9}, r"its head sees 18 cells of a box, this model's 162 .*; build .* bins=3 and two regions$"),
        ({"regions": "roi"}, r"18 cells of a box, this model's 9 \(bins=3, regions='roi'\); .*bins=3 and two regions$"),
    ],
)
def test_other_channels_cells_and_regions_are_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    file = tmp_path / "own.safetensors"
    save_file(own().state_dict(), file)
    with pytest.raises(UsageError, match=rf"own\.safetensors: .*{message}"):
        load_grid_anchor(GridAnchorModel(VGG16(base=2), **{"reduced": 2, "bins": 3} | settings), file)


def test_released_weights_are_refused_by_a_model_that_samples_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "released.safetensors"
    # The released file holds some layers twice, which this form of file does not take.
    save_file({name: each.clone() for name, each in Released(vgg(), 96, normed=False).state_dict().items()}, file)
    with pytest.raises(UsageError, match=r"whose code samples boxes in its own way; build the model with legacy=True"):
        load_grid_anchor(GridAnchorModel(VGG16(base=4)), file)


def test_variants_are_told_by_their_names() -> None:
    assert head_variant(own("norm").state_dict()) == "norm"
    assert head_variant(own("plain").state_dict()) == "plain"
    assert head_variant(["backbone.stem.norm.weight"]) is None


@pytest.mark.parametrize("head", ["3x3", "5x5"])
def test_weights_of_a_head_with_small_kernels_are_read_again_and_not_by_another(tmp_path: Path, head: str) -> None:
    torch.manual_seed(0)
    model = GridAnchorModel(VGG16(base=4), reduced=2, head=head)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = GridAnchorModel(VGG16(base=4), reduced=2, head=head)
    load_grid_anchor(again, tmp_path / "model.safetensors")
    assert all(torch.equal(each, model.state_dict()[name]) for name, each in again.state_dict().items())
    with pytest.raises(UsageError, match=f"its head is the variant '{head}', this model has 'plain'"):
        load_grid_anchor(GridAnchorModel(VGG16(base=4), reduced=2), tmp_path / "model.safetensors")
