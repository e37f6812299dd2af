import pytest
import torch
from torch import nn

from cadrage.models.backbones.norms import FrozenNorm
from cadrage.models.backbones.resnet import ResNet50


def test_frozen_norm_is_batch_norm_in_evaluation() -> None:
    torch.manual_seed(0)
    original = nn.BatchNorm2d(5)
    with torch.no_grad():
        for tensor in (original.weight, original.bias, original.running_mean, original.running_var):
            tensor.uniform_(0.5, 1.5)
    frozen = FrozenNorm(5)
    frozen.load_state_dict(original.state_dict(), strict=False)
    x = torch.randn(2, 5, 3, 4)
    expected = original.eval()(x)
    torch.testing.assert_close(frozen(x), expected)
    torch.testing.assert_close(frozen.train()(x), expected)


def test_frozen_norm_has_nothing_to_train() -> None:
    assert list(FrozenNorm(3).parameters()) == []
    assert sorted(FrozenNorm(3).state_dict()) == ["bias", "running_mean", "running_var", "weight"]


def test_training_mode_changes_neither_output_nor_statistics() -> None:
    torch.manual_seed(1)
    backbone = ResNet50(base=4)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    image = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(backbone.train()(image), backbone.eval()(image))
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


def test_published_size() -> None:
    with torch.device("meta"):
        backbone = ResNet50()
    # 25,557,032 parameters of the classifier, less 2,049,000 of its head and 53,120 of its norms.
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 25_557_032 - 2_049_000 - 53_120
    assert backbone.channels == 2048


def test_only_stem_and_first_stage_are_frozen() -> None:
    still = {name.partition(".")[0] for name, each in ResNet50(base=4).named_parameters() if not each.requires_grad}
    trained = {name.partition(".")[0] for name, each in ResNet50(base=4).named_parameters() if each.requires_grad}
    assert still == {"conv1", "layer1"} and trained == {"layer2", "layer3", "layer4"}


@pytest.mark.parametrize(("dilated", "size"), [(False, (3, 4)), (True, (5, 7))])
def test_stride(dilated: bool, size: tuple[int, int]) -> None:
    backbone = ResNet50(dilated=dilated, base=4)
    image = torch.rand(1, 3, 75, 100)
    assert backbone(image).shape == (1, backbone.channels, *size)
    assert tuple(-(-side // backbone.stride) for side in image.shape[2:]) == size


def test_every_second_cell_of_the_dilated_map_is_the_plain_map() -> None:
    torch.manual_seed(2)
    plain, dilated = ResNet50(base=4).eval(), ResNet50(base=4, dilated=True).eval()
    dilated.load_state_dict(plain.state_dict())
    image = torch.rand(2, 3, 96, 144)
    with torch.no_grad():
        torch.testing.assert_close(dilated(image)[:, :, ::2, ::2], plain(image))


def test_the_photo_is_normalised_as_in_pretraining() -> None:
    torch.manual_seed(3)
    backbone = ResNet50(base=4)
    seen: list[torch.Tensor] = []
    backbone.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    backbone(
        torch.stack(
            [torch.zeros(3, 32, 32), torch.ones(3, 32, 32), backbone.neutral_rgb.view(3, 1, 1).expand(3, 32, 32)]
        )
    )
    expected = [[-2.117904, -2.035714, -1.804444], [2.248908, 2.428571, 2.640000], [0, 0, 0]]
    torch.testing.assert_close(seen[0][:, :, 5, 7], torch.tensor(expected), atol=1e-5, rtol=0)
