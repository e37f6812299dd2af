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
from cadrage.models.checkpoints import Checkpoint
from cadrage.models.checkpoints.grid_anchor import head_variant, load_grid_anchor, released_grid_anchor
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


class NestedMobileBlock(MobileBlock):
    """The same with convolution, norm and activation together, as torchvision has them."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__(inputs, outputs, stride, expansion)
        flat = list(self.conv)
        together = [nn.Sequential(*flat[place : place + 3]) for place in range(0, len(flat) - 2, 3)]
        self.conv = nn.Sequential(*together, *flat[-2:])


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, middle: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, 4 * middle, 1, bias=False), nn.BatchNorm2d(4 * middle)
        aside = (nn.Conv2d(inputs, 4 * middle, 1, stride, bias=False), nn.BatchNorm2d(4 * middle))
        self.downsample = nn.Sequential(*aside) if inputs != 4 * middle else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ShuffleBlock(nn.Module):
    aside, main = "banch1", "banch2"

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, self.begins = outputs // 2, inputs != outputs
        start, stride = (inputs, 2) if self.begins else (half, 1)
        if self.begins:
            branch = steps(
                (inputs, inputs, 3, 2, inputs), (inputs, half, 1, 1, 1), ends=(False, True), activation=nn.ReLU
            )
            self.add_module(self.aside, branch)
        branch = steps(
            (start, half, 1, 1, 1), (half, half, 3, stride, half), (half, half, 1, 1, 1),
            ends=(True, False, True), activation=nn.ReLU,
        )  # fmt: skip
        self.add_module(self.main, branch)

    def forward(self, x: Tensor) -> Tensor:
        first, second = (self.get_submodule(self.aside)(x), x) if self.begins else x.chunk(2, dim=1)
        changed = self.get_submodule(self.main)(second)
        return nn.functional.channel_shuffle(torch.cat([first, changed], dim=1), 2)


class SpeltOut(ShuffleBlock):
    aside, main = "branch1", "branch2"


class Parts(nn.Module):
    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.feature3, self.feature4, self.feature5 = parts

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (fine := self.feature3(x)), (middle := self.feature4(fine)), self.feature5(middle)


def mobilenet(block: type[MobileBlock] = MobileBlock) -> Parts:
    layers: list[nn.Module] = [steps((3, 32, 3, 2, 1), ends=(True,), activation=nn.ReLU6)]
    width = 32
    for expansion, outputs, repeats, stride in MOBILENET:
        for index in range(repeats):
            layers.append(block(width, outputs, stride if index == 0 else 1, expansion))
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


def nested_mobilenet() -> Parts:
    return mobilenet(NestedMobileBlock)


def staged_shufflenet() -> Parts:
    """As torchvision has it: stages of their own, not one list."""
    stages, width = [], 24
    for blocks, outputs in ((4, 116), (8, 232), (4, 464)):
        stages.append(nn.Sequential(*(SpeltOut(width if i == 0 else outputs, outputs) for i in range(blocks))))
        width = outputs
    stem = steps((3, 24, 3, 2, 1), ends=(True,), activation=nn.ReLU)
    return Parts(
        nn.Sequential(stem, nn.MaxPool2d(3, 2, 1), stages[0]), nn.Sequential(stages[1]), nn.Sequential(stages[2])
    )


def resnet() -> Parts:
    layers, width = [], 64
    for number, (blocks, middle) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        stage = [
            Bottleneck(width if i == 0 else 4 * middle, middle, 2 if i == 0 < number else 1) for i in range(blocks)
        ]
        layers.append(nn.Sequential(*stage))
        width = 4 * middle
    stem = (nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return Parts(nn.Sequential(*stem, *layers[:2]), nn.Sequential(layers[2]), nn.Sequential(layers[3]))


def vgg(*, stored_twice: bool = True) -> Parts:
    layers: list[nn.Module] = []
    width = 3
    for count, outputs in ((2, 4), (2, 8), (3, 16), (3, 32), (3, 32)):
        for _ in range(count):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU()]
            width = outputs
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    parts = Parts(*(nn.Sequential(features[a:b]) for a, b in ((0, 23), (23, 30), (30, 31))))
    if stored_twice:
        parts.feature = nn.Sequential(features[:-1])
    return parts


class Released(nn.Module):
    def __init__(self, backbone: Parts, channels: int, *, normed: bool, dropout: bool = True, reduced: int = 8) -> None:
        super().__init__()
        self.Feat_ext = backbone
        self.DimRed = nn.Conv2d(channels, reduced, 1)

        def layer(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
            norm = [nn.BatchNorm2d(outputs)] if normed else []
            return nn.Sequential(nn.Conv2d(inputs, outputs, kernel), *norm, nn.ReLU())

        middle = [nn.Dropout()] if dropout else []
        self.FC_layers = nn.Sequential(layer(2 * reduced, 768, 9), layer(768, 128, 1), *middle, nn.Conv2d(128, 1, 1))

    def forward(self, image: Tensor, boxes_px: Tensor) -> Tensor:
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        fine, middle, coarse = self.Feat_ext((image - mean.view(3, 1, 1)) / deviation.view(3, 1, 1))
        if self.DimRed.in_channels == middle.shape[1]:
            return self.scores(self.DimRed(middle), boxes_px)
        fine = F.interpolate(fine, scale_factor=0.5, mode="bilinear", align_corners=True)
        coarse = 0.5 * F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=True)
        return self.scores(self.DimRed(torch.cat([fine, middle, coarse], dim=1)), boxes_px)

    def scores(self, reduced: Tensor, boxes_px: Tensor) -> Tensor:
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
    "second mobilenet": (nested_mobilenet, 448, lambda: MobileNetPyramid(symmetric=True)),
    "second shufflenet": (staged_shufflenet, 812, ShuffleNetV2),
    "resnet": (resnet, 3584, lambda: make_pyramid("resnet50")),
}


@pytest.mark.parametrize(
    ("name", "normed", "dropout"),
    [
        ("mobilenet", True, True),
        ("shufflenet", True, True),
        ("vgg", False, True),
        ("shufflenet", False, False),
        ("second mobilenet", False, False),
        ("second shufflenet", False, False),
        ("resnet", False, False),
    ],
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


def released(backbone: Parts, channels: int, **settings: Any) -> Checkpoint:
    return Checkpoint(Released(backbone, channels, **{"normed": False, "dropout": False} | settings).state_dict(), {})


@pytest.mark.parametrize(
    ("checkpoint", "settings"),
    [
        (released(mobilenet(), 448), {"backbone": "mobilenet-v2-torch", "multi_scale": True, "pixel_divisor": 256}),
        (released(mobilenet(), 96), {"multi_scale": False, "resize_filter": "bilinear-plain", "score_mean": 2.95}),
        (released(mobilenet(), 448, normed=True, dropout=True), {"head": "norm", "reduced": 8, "bins": 9}),
        (released(nested_mobilenet(), 448, reduced=16), {"pixel_divisor": 255, "reduced": 16, "score_deviation": 1.0}),
        (released(staged_shufflenet(), 232, reduced=32), {"backbone": "shufflenet-v2", "resize_filter": "lanczos"}),
        (released(shufflenet(), 812), {"backbone": "shufflenet-v2", "pixel_divisor": 256}),
        # Names do not tell the code here; a second copy or eight channels do.
        (released(vgg(), 1536, reduced=32), {"backbone": "vgg16", "pixel_divisor": 256, "multi_scale": True}),
        (released(vgg(stored_twice=False), 512, reduced=32), {"pixel_divisor": 255, "multi_scale": False}),
        (released(resnet(), 3584), {"backbone": "resnet50", "pixel_divisor": 256}),
        (released(resnet(), 1024, reduced=32), {"pixel_divisor": 255, "multi_scale": False}),
        (released(resnet(), 1024, reduced=32, dropout=True), {"pixel_divisor": 256}),
    ],
)
def test_a_file_says_what_it_is(checkpoint: Checkpoint, settings: dict[str, Any]) -> None:
    found = released_grid_anchor(checkpoint, Path("a.pth"))
    assert {name: found.settings[name] for name in settings} == settings
    assert found.settings["legacy"] is True


def test_other_files_are_no_grid_anchor_model() -> None:
    head = {"DimRed.weight": torch.zeros(8, 448, 1, 1), "FC_layers.0.0.weight": torch.zeros(768, 16, 9, 9)}
    with pytest.raises(UsageError, match="no backbone that is known here"):
        released_grid_anchor(Checkpoint(head, {}), Path("a.pth"))
    with pytest.raises(UsageError, match=r"it has no DimRed.weight, FC_layers.0.0.weight$"):
        released_grid_anchor(Checkpoint({"f3_layer.weight": torch.zeros(1)}, {}), Path("a.pth"))
    with pytest.raises(UsageError, match="a backbone for each scale"):
        released_grid_anchor(Checkpoint({"Feat_ext1.feature3.0.0.weight": torch.zeros(1)}, {}), Path("a.pth"))
