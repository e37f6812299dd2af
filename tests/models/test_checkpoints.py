import argparse
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.checkpoints import Checkpoint, fill, read_checkpoint, read_tensors
from cadrage.models.checkpoints.backbones import load_mobilenet_v2, load_resnet50, resnet_name
from cadrage.models.checkpoints.conditional_detr import FRESH, load_conditional_detr, released_set, translate
from cadrage.models.set_prediction import SetPredictor

Shapes = dict[str, tuple[int, ...]]


def norm_shapes(name: str, channels: int) -> Shapes:
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def linear_shapes(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def resnet_shapes(base: int) -> Shapes:
    """Names and shapes of a published ResNet-50 without classifier and batch counters."""
    shapes: Shapes = {"conv1.weight": (base, 3, 7, 7)} | norm_shapes("bn1", base)
    inputs = base
    for stage, blocks in enumerate((3, 4, 6, 3)):
        middle, outputs = base * 2**stage, base * 2**stage * 4
        for index in range(blocks):
            block = f"layer{stage + 1}.{index}"
            for number, shape in enumerate(
                [(middle, inputs, 1, 1), (middle, middle, 3, 3), (outputs, middle, 1, 1)], 1
            ):
                shapes[f"{block}.conv{number}.weight"] = shape
                shapes |= norm_shapes(f"{block}.bn{number}", shape[0])
            if index == 0:
                shapes[f"{block}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                shapes |= norm_shapes(f"{block}.downsample.1", outputs)
            inputs = outputs
    return shapes


def detector_shapes(
    *, base: int = 64, width: int = 256, hidden: int = 2048, encoders: int = 6, decoders: int = 6, anchors: int = 300
) -> Shapes:
    """Names and shapes of a published Conditional DETR; the defaults are those of the COCO checkpoints."""
    shapes: Shapes = {f"backbone.0.body.{name}": shape for name, shape in resnet_shapes(base).items()}
    shapes |= {"input_proj.weight": (width, 32 * base, 1, 1), "input_proj.bias": (width,)}
    shapes |= {"query_embed.weight": (anchors, width)} | linear_shapes("class_embed", 91, width)
    for index, outputs in enumerate((width, width, 4)):
        shapes |= linear_shapes(f"bbox_embed.layers.{index}", outputs, width)
    for index in range(encoders):
        layer = f"transformer.encoder.layers.{index}"
        shapes |= {
            f"{layer}.self_attn.in_proj_weight": (3 * width, width),
            f"{layer}.self_attn.in_proj_bias": (3 * width,),
        }
        shapes |= linear_shapes(f"{layer}.self_attn.out_proj", width, width)
        shapes |= linear_shapes(f"{layer}.linear1", hidden, width) | linear_shapes(f"{layer}.linear2", width, hidden)
        shapes |= {f"{layer}.norm{n}.{kind}": (width,) for n in (1, 2) for kind in ("weight", "bias")}
    squares = [f"sa_{part}_proj" for part in ("qcontent", "qpos", "kcontent", "kpos", "v")]
    squares += [f"ca_{part}_proj" for part in ("qcontent", "kcontent", "kpos", "v", "qpos_sine")]
    for index in range(decoders):
        layer = f"transformer.decoder.layers.{index}"
        for name in [*squares, "self_attn.out_proj", "cross_attn.out_proj", *(["ca_qpos_proj"] if index == 0 else [])]:
            shapes |= linear_shapes(f"{layer}.{name}", width, width)
        shapes |= linear_shapes(f"{layer}.linear1", hidden, width) | linear_shapes(f"{layer}.linear2", width, hidden)
        shapes |= {f"{layer}.norm{n}.{kind}": (width,) for n in (1, 2, 3) for kind in ("weight", "bias")}
    shapes |= {"transformer.decoder.norm.weight": (width,), "transformer.decoder.norm.bias": (width,)}
    for index, outputs in enumerate((width, 2)):
        shapes |= linear_shapes(f"transformer.decoder.ref_point_head.layers.{index}", outputs, width)
        shapes |= linear_shapes(f"transformer.decoder.query_scale.layers.{index}", width, width)
    return shapes


def random_tensors(shapes: Shapes) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}


SMALL = {"width": 16, "hidden": 24}


def small_detector() -> dict[str, Tensor]:
    return random_tensors(detector_shapes(base=4, encoders=2, decoders=3, anchors=11, **SMALL))


def small_model(**sizes: int) -> SetPredictor:
    settings = SMALL | {"heads": 2, "encoder_layers": 2, "decoder_layers": 3, "anchors": 7} | sizes
    return SetPredictor(ResNet50(base=4, dilated=True), **settings)


@pytest.mark.parametrize("dilated", [False, True])
def test_every_tensor_of_the_coco_checkpoints_and_of_the_model_is_accounted_for(dilated: bool) -> None:
    with torch.device("meta"):
        model = SetPredictor(ResNet50(dilated=dilated))
        theirs = {name: torch.empty(shape) for name, shape in detector_shapes().items()}
    ours = {name: tensor.shape for name, tensor in model.state_dict().items() if name not in FRESH}
    assert {name: tensor.shape for name, tensor in translate(theirs).items()} == ours
    left_out = {"query_embed.weight", "class_embed.weight", "class_embed.bias"}
    assert sum(tensor.numel() for name, tensor in theirs.items() if name not in left_out) == sum(
        shape.numel() for shape in ours.values()
    )


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_detector_fills_everything_but_anchors_and_validity(tmp_path: Path, suffix: str) -> None:
    tensors, file = small_detector(), tmp_path / f"detector{suffix}"
    if suffix == ".pth":
        rest = {"optimizer": {"lr": 1e-4}, "lr_scheduler": {}, "epoch": 49, "args": argparse.Namespace(dropout=0.1)}
        torch.save({"model": tensors} | rest, file)
    else:
        save_file(tensors, file)
    model = small_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    load_conditional_detr(model, file)
    after = model.state_dict()
    assert {name for name in before if torch.equal(before[name], after[name])} == set(FRESH)
    queries = tensors["transformer.encoder.layers.1.self_attn.in_proj_weight"].chunk(3)
    for name, expected in zip(("query", "key", "value"), queries, strict=True):
        assert torch.equal(after[f"proposer.encoder.layers.1.among.{name}.weight"], expected)
    sine = tensors["transformer.decoder.layers.2.ca_qpos_sine_proj.bias"]
    assert torch.equal(after["proposer.decoder.layers.2.to_photo.query_place.bias"], sine)
    assert torch.equal(after["backbone.layer4.0.conv2.weight"], tensors["backbone.0.body.layer4.0.conv2.weight"])


def test_a_detector_of_another_size_is_refused_with_a_list_and_nothing_is_copied(tmp_path: Path) -> None:
    file = tmp_path / "detector.safetensors"
    save_file(small_detector(), file)
    model = small_model(hidden=32)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UsageError) as error:
        load_conditional_detr(model, file)
    message = str(error.value)
    assert message.startswith(f"{file}: does not fit this model")
    assert "proposer.encoder.layers.0.feed_forward.0.weight is (24, 16), the model has (32, 16)" in message
    assert message.endswith("and 3 more") and "\n" not in message
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_missing_and_unknown_layers_are_named(tmp_path: Path) -> None:
    file = tmp_path / "detector.safetensors"
    save_file({**small_detector(), "segmentation.weight": torch.zeros(1)}, file)
    with pytest.raises(UsageError, match=r"decoder\.layers\.3\.\S+ is not in the file"):
        load_conditional_detr(small_model(decoder_layers=4), file)
    with pytest.raises(UsageError, match=r"segmentation\.weight is not in the model"):
        load_conditional_detr(small_model(), file)


def published_resnet(base: int) -> dict[str, Tensor]:
    """A classifier as torchvision and timm store it: both use the same names."""
    tensors = random_tensors(resnet_shapes(base) | linear_shapes("fc", 1000, 32 * base))
    counters = [name.replace("running_mean", "num_batches_tracked") for name in tensors if "running_mean" in name]
    return tensors | {name: torch.tensor(0) for name in counters}


def test_every_tensor_of_a_resnet_is_accounted_for() -> None:
    with torch.device("meta"):
        backbone = ResNet50()
    published = published_resnet(64)
    assert len(published) == 320
    taken = {resnet_name(name): tensor.shape for name, tensor in published.items() if resnet_name(name)}
    assert taken == {name: tensor.shape for name, tensor in backbone.state_dict().items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_resnet_fills_the_backbone(tmp_path: Path, suffix: str) -> None:
    tensors, file = published_resnet(4), tmp_path / f"resnet50{suffix}"
    torch.save(tensors, file) if suffix == ".pth" else save_file(tensors, file)
    backbone = ResNet50(base=4)
    load_resnet50(backbone, file)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in backbone.state_dict().items())
    with pytest.raises(
        UsageError, match=r"conv1\.weight is \(4, 3, 7, 7\), the model has \(8, 3, 7, 7\).*; and \d+ more"
    ):
        load_resnet50(ResNet50(base=8), file)


def test_a_mobilenet_fills_the_backbone_without_its_classifier(tmp_path: Path) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in MobileNetV2().state_dict().items()}
    tensors, file = random_tensors(shapes), tmp_path / "mobilenet.safetensors"
    save_file(tensors | random_tensors({"head.weight": (5, 5), "classifier.bias": (5,)}), file)
    backbone = MobileNetV2()
    load_mobilenet_v2(backbone, file)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in backbone.state_dict().items())
    save_file({name: tensor[:1].contiguous() for name, tensor in tensors.items()}, file)
    with pytest.raises(
        UsageError, match=r"stem\.weight is \(1, 3, 3, 3\), the model has \(32, 3, 3, 3\).*; and \d+ more"
    ):
        load_mobilenet_v2(backbone, file)


class Payload:
    """What a hostile pickle would do: run a command while it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    file, trace = tmp_path / "evil.pth", tmp_path / "trace"
    torch.save({"model": {"x": Payload(trace)}}, file)
    with pytest.raises(
        UsageError, match=r"evil\.pth: holds an object of posix\.mkdir, which is more than tensors and could run code"
    ):
        read_tensors(file)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors", "empty.pth", "empty.safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"no checkpoint at all" * 50)
    with pytest.raises(UsageError, match="damaged"):
        read_tensors(tmp_path / name)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "half.pth"
    torch.save({"model": {"x": torch.zeros(1000)}}, file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UsageError, match="damaged"):
        read_tensors(file)


@pytest.mark.parametrize(
    "content", [[torch.zeros(1)], {"model": [1, 2]}, {"model": {}}, {"model": {"x": 3}}, {"epoch": 3}]
)
def test_files_without_a_table_of_tensors_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="no table of tensors"):
        read_tensors(tmp_path / "other.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.pth: no such file"):
        read_tensors(tmp_path / "nowhere.pth")


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    linear = torch.nn.Linear(2, 3)
    fill(linear, {"weight": torch.ones(3, 2).half(), "bias": torch.zeros(3).half()}, tmp_path / "half.safetensors")
    assert linear.weight.dtype == torch.float32 and linear.weight.eq(1).all()


def small_crop_model(**sizes: int) -> dict[str, Tensor]:
    shapes = detector_shapes(base=4, encoders=2, decoders=3, **{"anchors": 90} | SMALL | sizes)
    return random_tensors({**shapes, **linear_shapes("class_embed", 1, 16)})


@pytest.mark.parametrize("anchors", [24, 90, 300])
def test_a_crop_model_comes_with_its_queries_and_its_class_head(anchors: int) -> None:
    theirs = small_crop_model(anchors=anchors)
    found = released_set(Checkpoint(theirs, {"nheads": 2, "dilation": False, "image_size_test": 512}), Path("a.pth"))
    assert (found.settings["shorter_side_measured"], found.settings["resize_filter"]) == (512, "bilinear-plain")
    expected = {"anchors": anchors, "width": 16, "hidden": 24, "heads": 2, "encoder_layers": 2, "decoder_layers": 3}
    assert {name: found.settings[name] for name in expected} == expected
    assert found.settings["backbone"] == "resnet50"
    model = small_model(anchors=anchors)
    model.load_state_dict(found.tensors, strict=True)
    assert torch.equal(model.proposer.anchors, theirs["query_embed.weight"])
    assert torch.equal(model.proposer.validity_head.weight, theirs["class_embed.weight"])
    assert torch.equal(model.proposer.validity_head.bias, theirs["class_embed.bias"])


def test_without_settings_a_crop_model_is_taken_for_that_of_the_authors() -> None:
    found = released_set(Checkpoint(small_crop_model(), {}), Path("a.pth"))
    assert (found.settings["backbone"], found.settings["heads"]) == ("resnet50-dc5", 8)
    assert "authors" in " ".join(found.recognised)


def test_a_detector_of_many_classes_and_another_network_are_no_crop_models() -> None:
    with pytest.raises(UsageError, match=r"a\.pth: a detector of 91 classes, not a crop model of one; a training"):
        released_set(Checkpoint(small_detector(), {}), Path("a.pth"))
    with pytest.raises(UsageError, match=r"no set predictor; it has no class_embed\.weight"):
        released_set(Checkpoint({"DimRed.weight": torch.zeros(1)}, {}), Path("a.pth"))


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "net"])
def test_weights_are_found_under_their_usual_keys_and_without_the_prefix_of_several_gpus(key, tmp_path) -> None:
    file = tmp_path / "a.pth.tar"
    kept = {"epoch": 3, "best": np.float64(0.5), "args": argparse.Namespace(nheads=4)}
    torch.save({key: {f"module.{name}": torch.ones(2) for name in ("a", "b")}, **kept}, file)
    found = read_checkpoint(file)
    assert list(found.tensors) == ["a", "b"]
    assert found.settings == {"nheads": 4}


def test_a_checkpoint_of_the_old_form_is_read(tmp_path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert read_tensors(tmp_path / "a.pth")["a"].tolist() == [1.0, 1.0]
