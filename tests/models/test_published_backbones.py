"""Reference networks laid out, and so named, as the published ones: their maps must be ours after loading."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.backbones.pyramids import MobileNetPyramid, ResNetPyramid, make_pyramid
from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.checkpoints import backbones as published
from cadrage.models.checkpoints import fold_norms, rename
from cadrage.models.checkpoints.backbones import load_imagenet, load_mobilenet_v2

MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def conv_norm_relu6(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs), nn.ReLU6())


class TorchvisionMobileBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = [conv_norm_relu6(inputs, hidden)] if expansion > 1 else []
        layers += [
            conv_norm_relu6(hidden, hidden, 3, stride, hidden),
            conv(hidden, outputs),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class TorchvisionMobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm_relu6(3, 32, 3, 2)]
        width = 32
        for expansion, outputs, repeats, stride in MOBILENET:
            for index in range(repeats):
                layers.append(TorchvisionMobileBlock(width, outputs, stride if index == 0 else 1, expansion))
                width = outputs
        self.features = nn.Sequential(*layers, conv_norm_relu6(320, 1280))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 1000))

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (fine := self.features[:7](x)), (middle := self.features[7:14](fine)), self.features[14:18](middle)


class TimmMobileBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        if expansion > 1:
            self.conv_pw, self.bn1 = conv(inputs, hidden), nn.BatchNorm2d(hidden)
            self.conv_dw, self.bn2 = conv(hidden, hidden, 3, stride, hidden), nn.BatchNorm2d(hidden)
            self.conv_pwl, self.bn3 = conv(hidden, outputs), nn.BatchNorm2d(outputs)
        else:
            self.conv_dw, self.bn1 = conv(hidden, hidden, 3, stride, hidden), nn.BatchNorm2d(hidden)
            self.conv_pw, self.bn2 = conv(hidden, outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        if hasattr(self, "bn3"):
            y = F.relu6(self.bn2(self.conv_dw(F.relu6(self.bn1(self.conv_pw(x))))))
            y = self.bn3(self.conv_pwl(y))
        else:
            y = self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(x)))))
        return x + y if self.residual else y


class TimmMobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = conv(3, 32, 3, 2), nn.BatchNorm2d(32)
        stages, width = [], 32
        for expansion, outputs, repeats, stride in MOBILENET:
            stage = []
            for index in range(repeats):
                stage.append(TimmMobileBlock(width, outputs, stride if index == 0 else 1, expansion))
                width = outputs
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.conv_head, self.bn2 = conv(320, 1280), nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, 1000)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        fine = self.blocks[:3](F.relu6(self.bn1(self.conv_stem(x))))
        return fine, (middle := self.blocks[3:5](fine)), self.blocks[5:](middle)


class TorchvisionShuffleBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        begins = inputs != outputs
        self.branch1 = nn.Sequential()
        if begins:
            self.branch1 = nn.Sequential(
                conv(inputs, inputs, 3, 2, inputs), nn.BatchNorm2d(inputs),
                conv(inputs, half), nn.BatchNorm2d(half), nn.ReLU(),
            )  # fmt: skip
        self.branch2 = nn.Sequential(
            conv(inputs if begins else half, half), nn.BatchNorm2d(half), nn.ReLU(),
            conv(half, half, 3, 2 if begins else 1, half), nn.BatchNorm2d(half),
            conv(half, half), nn.BatchNorm2d(half), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        if len(self.branch1):
            out = torch.cat([self.branch1(x), self.branch2(x)], dim=1)
        else:
            out = torch.cat([x[:, : x.shape[1] // 2], self.branch2(x[:, x.shape[1] // 2 :])], dim=1)
        batch, channels, height, width = out.shape
        return out.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(out.shape)


class TorchvisionShuffleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(conv(3, 24, 3, 2), nn.BatchNorm2d(24), nn.ReLU())
        self.stage2, self.stage3, self.stage4 = (
            nn.Sequential(*(TorchvisionShuffleBlock(outputs if index else inputs, outputs) for index in range(blocks)))
            for inputs, outputs, blocks in ((24, 116, 4), (116, 232, 8), (232, 464, 4))
        )  # fmt: skip
        self.conv5 = nn.Sequential(conv(464, 1024), nn.BatchNorm2d(1024), nn.ReLU())
        self.fc = nn.Linear(1024, 1000)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        fine = self.stage2(F.max_pool2d(self.conv1(x), 3, 2, 1))
        return fine, (middle := self.stage3(fine)), self.stage4(middle)


class TorchvisionVgg(nn.Module):
    def __init__(self, base: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for count, multiple in ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)):
            for _ in range(count):
                layers += [nn.Conv2d(width, multiple * base, 3, padding=1), nn.ReLU()]
                width = multiple * base
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        hidden = 64 * base
        self.classifier = nn.Sequential(
            nn.Linear(49 * width, hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, 1000),
        )  # fmt: skip

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (fine := self.features[:23](x)), (middle := self.features[23:30](fine)), self.features[30:](middle)


def awake(network: nn.Module) -> nn.Module:
    """Norms as after training: no statistic is 0 or 1."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in (
                (module.weight, 0.8), (module.bias, -0.2), (module.running_mean, -0.2), (module.running_var, 0.5)
            ):  # fmt: skip
                tensor.data.uniform_(low, low + 0.4 + (low > 0) * 0.4, generator=generator)
    return network.eval()


CASES: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = [
    (TorchvisionMobileNet, lambda: MobileNetPyramid(symmetric=True)),
    (TimmMobileNet, lambda: MobileNetPyramid(symmetric=True)),
    (TorchvisionShuffleNet, ShuffleNetV2),
    (TorchvisionShuffleNet, lambda: ShuffleNetV2(live_norm=True)),
    (lambda: TorchvisionVgg(8), lambda: VGG16(base=8)),
]


@pytest.mark.parametrize(("theirs", "ours"), CASES)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_published_network_and_ours_have_the_same_maps(
    tmp_path: Path, theirs: Callable[[], nn.Module], ours: Callable[[], nn.Module], suffix: str
) -> None:
    torch.manual_seed(0)
    reference, backbone, file = awake(theirs()), ours(), tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else save_file)(reference.state_dict(), file)  # type: ignore[operator]
    load_imagenet(backbone, file)
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = reference.maps((image - MEAN.view(3, 1, 1)) / DEVIATION.view(3, 1, 1))  # type: ignore[operator]
        got = backbone.eval()(image)
    for level, (our_map, their_map) in enumerate(zip(got, expected, strict=True)):
        assert our_map.shape == (2, backbone.channels[level], 8 >> level, 12 >> level)  # type: ignore[index]
        assert their_map.std() > 1e-3
        torch.testing.assert_close(our_map, their_map, rtol=1e-4, atol=1e-4 * float(their_map.std()))


@pytest.mark.parametrize(
    ("theirs", "total", "count"),
    [
        (TorchvisionMobileNet, 3_504_872, 314),
        (TimmMobileNet, 3_504_872, 314),
        (TorchvisionShuffleNet, 2_278_604, 338),
        (TorchvisionVgg, 138_357_544, 32),
    ],
)
def test_the_references_have_the_published_size(theirs: Callable[[], nn.Module], total: int, count: int) -> None:
    with torch.device("meta"):
        network = theirs()
    assert sum(parameter.numel() for parameter in network.parameters()) == total
    assert len(network.state_dict()) == count


@pytest.mark.parametrize(
    ("theirs", "table", "left_out", "ours"),
    [
        (TorchvisionMobileNet, published.MOBILENET_TORCHVISION, ("features.18.", "classifier."), None),
        (TimmMobileNet, published.MOBILENET_TIMM, ("conv_head.", "bn2.", "classifier."), None),
        (TorchvisionShuffleNet, published.SHUFFLENET_MODULES, published.SHUFFLENET_LEFT_OUT, ShuffleNetV2),
        (TorchvisionVgg, published.VGG_MODULES, published.VGG_LEFT_OUT, VGG16),
    ],
)
def test_every_tensor_is_taken_or_left_out_on_purpose(
    theirs: Callable[[], nn.Module],
    table: dict[str, str],
    left_out: tuple[str, ...],
    ours: Callable[[], nn.Module] | None,
) -> None:
    with torch.device("meta"):
        tensors = theirs().state_dict()
    modules = {name.rpartition(".")[0] for name in tensors}
    dropped = {name for name in modules if f"{name}.".startswith(left_out)}
    assert modules == set(table) | dropped
    assert not set(table) & dropped and len(set(table.values())) == len(table)
    if ours is not None:
        with torch.device("meta"):
            wanted = {name: each.shape for name, each in ours().state_dict().items()}
        assert {name: each.shape for name, each in rename(tensors, table, left_out).items()} == wanted


def test_timm_vgg_differs_in_its_classifier_only(tmp_path: Path) -> None:
    tensors = {name: each for name, each in TorchvisionVgg(4).state_dict().items() if name.startswith("features.")}
    rest = {"pre_logits.fc1.weight": torch.zeros(2), "head.fc.bias": torch.zeros(2)}
    save_file(tensors | rest, tmp_path / "timm.safetensors")
    backbone = VGG16(base=4)
    load_imagenet(backbone, tmp_path / "timm.safetensors")
    assert torch.equal(backbone.stages[2][1].weight, tensors["features.12.weight"])  # type: ignore[index]


def test_weights_trained_with_another_padding_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mobilenet.safetensors"
    save_file(TorchvisionMobileNet().state_dict(), file)
    with pytest.raises(UsageError, match=r"padding of PyTorch.*mobilenet-v2-torch"):
        load_imagenet(MobileNetPyramid(), file)
    save_file(MobileNetPyramid().backbone.state_dict(), file)
    with pytest.raises(UsageError, match="padding of TensorFlow"):
        load_imagenet(MobileNetPyramid(symmetric=True), file)
    load_mobilenet_v2(MobileNetPyramid().backbone, file)


def test_a_file_of_another_network_lists_what_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "vgg.safetensors"
    save_file(TorchvisionVgg(4).features.state_dict(prefix="features."), file)
    with pytest.raises(UsageError, match=r"stages\.0\.0\.weight is \(4, 3, 3, 3\), the model has \(8, 3, 3, 3\)"):
        load_imagenet(VGG16(base=8), file)
    with pytest.raises(UsageError, match=r"stem\.conv\.weight is not in the file"):
        load_imagenet(ShuffleNetV2(), file)
    with pytest.raises(TypeError, match="Linear"):
        load_imagenet(nn.Linear(1, 1), file)


def test_an_incomplete_norm_is_reported_and_not_folded() -> None:
    tensors = {"a.weight": torch.ones(2, 1, 1, 1), "a.norm.weight": torch.ones(2), "a.norm.bias": torch.ones(2)}
    assert fold_norms(tensors) == tensors
    other_size = tensors | {"a.norm.running_mean": torch.ones(3), "a.norm.running_var": torch.ones(3)}
    assert set(fold_norms(other_size)) == set(other_size)


def test_resnet_levels_are_those_of_its_stages(tmp_path: Path) -> None:
    pyramid, image = ResNetPyramid(base=4), torch.rand(1, 3, 64, 96)
    save_file({**pyramid.backbone.state_dict(), "fc.bias": torch.zeros(1)}, tmp_path / "resnet.safetensors")
    other = ResNetPyramid(base=4)
    load_imagenet(other, tmp_path / "resnet.safetensors")
    maps = pyramid(image)
    for ours, expected, size in zip(other(image), maps, ((32, 8, 12), (64, 4, 6), (128, 2, 3)), strict=True):
        assert torch.equal(ours, expected) and ours.shape == (1, *size)
    assert torch.equal(maps[2], pyramid.backbone(image))


def test_norms_that_learn_do_and_frozen_ones_do_not() -> None:
    torch.manual_seed(2)
    image = torch.rand(4, 3, 64, 64)
    for live in (True, False):
        network = ShuffleNetV2(live_norm=live)
        before = {name: each.clone() for name, each in network.state_dict().items()}
        assert torch.equal(network.train()(image)[2], network.eval()(image)[2]) != live
        changed = {name for name, each in network.state_dict().items() if not torch.equal(each, before[name])}
        assert bool(changed) == live


def test_unknown_backbones_are_answered_with_a_guess() -> None:
    with pytest.raises(UsageError, match=r"'mobilnet-v2': unknown; did you mean mobilenet-v2\? choose one of"):
        make_pyramid("mobilnet-v2")
    with pytest.raises(UsageError, match=r"unknown; choose one of mobilenet-v2, .*vgg16"):
        make_pyramid("?")
