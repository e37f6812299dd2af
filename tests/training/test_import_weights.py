"""Weights with the names of the authors' code, imported as a user does it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cadrage.cli.app import main
from cadrage.inference.session import load_model
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.checkpoints import Checkpoint
from cadrage.models.checkpoints.grid_anchor import FORMS
from cadrage.models.checkpoints.human_centric import released_global_attention, released_human_centric
from cadrage.training.run import load_trained
from cadrage.training.systems.global_attention import GlobalAttentionRecipe, build_global_attention
from cadrage.training.systems.human_centric import HumanCentricRecipe, build_human_centric

CALIBRATION = Path(__file__).parents[1] / "models" / "calibration" / "human_centric.npz"
VGG = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
VGG |= {17: (256, 512)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cadrage(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments])
        return code, *capsys.readouterr()

    return run


def noise(shape: tuple[int, ...], number: int) -> np.ndarray:
    waves = np.sin(12.9898 * np.arange(np.prod(shape), dtype=np.float64) + 78.233 * number) * 43758.5453
    return (waves - np.floor(waves) - 0.5).reshape(shape)


def released_vgg() -> dict[str, Tensor]:
    """VGG-16 in three parts under the names of the released code."""
    torch.manual_seed(0)
    tensors = {}
    for place, (inputs, outputs) in VGG.items():
        part = f"backbone.feature{3 if place < 23 else 4}.0.{place}"
        tensors |= {f"{part}.weight": torch.randn(outputs, inputs, 3, 3) * (2 / 9 / inputs) ** 0.5}
        tensors |= {f"{part}.bias": torch.zeros(outputs)}
    return tensors


def released_human(relation: str = "graph") -> dict[str, Tensor]:
    """The released model: the parameters of the calibration behind a VGG-16."""
    tensors = released_vgg()
    with np.load(CALIBRATION) as file:
        named = list(zip(file["names"].tolist(), file["shapes"].tolist(), strict=True))
    for number, (name, text) in enumerate(named):
        shape = tuple(int(each) for each in str(text).strip("[]").split(","))
        scale = 3 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[name] = torch.from_numpy(scale * noise(shape, number)).float()
    if relation == "conv":
        tensors = {name: each for name, each in tensors.items() if ".relation_encoder." not in name}
        for place, shape in ((0, (32, 32, 3, 3)), (2, (8, 32, 1, 1))):
            where = f"content_preserve.relation_encoder.{place}"
            tensors |= {f"{where}.weight": torch.randn(shape) * 0.1, f"{where}.bias": torch.zeros(shape[0])}
    return tensors


def released_grid(sign: str = "Feat_ext.feature3.0.1.conv.0.weight") -> dict[str, Tensor]:
    """The authors' model on MobileNetV2, several scales, with norms that do nothing."""
    torch.manual_seed(0)
    theirs = {ours: name for name, ours in FORMS[sign].modules.items()}
    tensors: dict[str, Tensor] = {}
    for name, tensor in MobileNetV2(symmetric=True).state_dict().items():
        module, _, kind = f"backbone.backbone.{name}".rpartition(".")
        if kind == "weight":
            tensors[f"{theirs[module]}.weight"] = tensor
            norm, width = theirs[f"{module}.norm"], len(tensor)
            tensors |= {f"{norm}.{each}": torch.ones(width) for each in ("weight", "running_var")}
            tensors |= {f"{norm}.{each}": torch.zeros(width) for each in ("bias", "running_mean")}
            tensors |= {f"{norm}.num_batches_tracked": torch.tensor(7)}
    sizes = {"DimRed": (8, 448, 1, 1), "FC_layers.0.0": (768, 16, 9, 9), "FC_layers.1.0": (128, 768, 1, 1)}
    for name, size in (sizes | {"FC_layers.2": (1, 128, 1, 1)}).items():
        tensors |= {
            f"{name}.weight": torch.randn(size) * np.prod(size[1:]) ** -0.5,
            f"{name}.bias": torch.zeros(size[0]),
        }
    return tensors


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    Image.fromarray(pixels).resize((240, 150), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    torch.save({"state_dict": released_grid(), "epoch": 3}, folder / "mobilenet_0.625.pth")
    assert main(["import", "grid-anchor", str(folder / "mobilenet_0.625.pth"), "-o", str(folder / "gaic")]) == 0
    return folder / "gaic"


def test_a_model_of_grid_anchors_is_cropped_with_scored_with_and_exported(grid, cadrage: Said, photo, tmp_path) -> None:
    card = json.loads((grid / "card.json").read_text())
    assert card["training"]["imported"]["file"] == "mobilenet_0.625.pth"
    recognised = " ".join(card["training"]["imported"]["recognised"])
    assert "mobilenet-v2-torch, several scales, 8 channels, 9x9 cells" in recognised and "authors' code" in recognised
    assert card["licence"].startswith("not known")
    assert card["score_scale"] == {"mean": 2.95, "deviation": 0.8}
    assert card["input"]["filter"] == "bilinear-plain"
    code, printed, _ = cadrage("suggest", photo, "--model", grid, "-n", 3)
    assert code == 0 and json.loads(printed)["crops"]
    asked = tmp_path / "asked.jsonl"
    asked.write_text(json.dumps({"file": str(photo), "boxes": [[0.1, 0.1, 0.9, 0.9], [0, 0, 1, 1]]}))
    code, printed, _ = cadrage("score", "--boxes", asked, "--model", grid)
    assert code == 0 and len(set(json.loads(printed)["scores"])) == 2
    assert cadrage("export", grid, tmp_path / "again")[0] == 0
    again = json.loads((tmp_path / "again" / "card.json").read_text())
    assert again["parts"] == card["parts"] and again["licence"] == card["licence"]


def test_pixels_are_divided_by_256_for_the_authors_weights(grid: Path) -> None:
    white = np.full((256, 256, 3), 255, np.uint8)
    found = load_model(grid, threads=1).encode(white, (300, 300)).features
    model = load_trained(grid).model
    with torch.no_grad():
        wanted = model.features(torch.full((1, 3, 256, 256), 255 / 256))  # type: ignore[operator]
        other = model.features(torch.ones(1, 3, 256, 256))  # type: ignore[operator]
    off, off_of_255 = (np.abs(found[:1] - each.numpy()).max() for each in (wanted, other))
    assert off < 0.1 * off_of_255


class Given(nn.Module):
    """A backbone that returns three fixed maps."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        sizes = ((1, 512, 32, 44), (1, 512, 16, 22), (1, 512, 8, 11))
        return tuple(torch.from_numpy(noise(size, 3000 + number)).float() for number, size in enumerate(sizes))


def test_the_released_human_centric_model_gives_its_calibrated_scores() -> None:
    found = released_human_centric(Checkpoint(released_human(), {}), Path("hcic.pth"))
    assert "graph reasoning" in " ".join(found.recognised) and "9 transforms" in " ".join(found.recognised)
    recipe = HumanCentricRecipe(**found.settings)
    recipe.check(Path("hcic.pth"))
    model = build_human_centric(recipe).eval()
    model.load_state_dict(found.tensors, strict=True)
    assert sum(each.numel() for each in model.parameters()) == 19_474_626
    model.backbone = Given()
    with np.load(CALIBRATION) as file:
        boxes, person, wanted = (file[name] for name in ("boxes_xyxy", "person_xyxy", "score"))
    size = torch.tensor([352.0, 256, 352, 256])
    boxes_xyxy, person_xyxy = (torch.from_numpy(each).float().reshape(-1, 4) / size for each in (boxes, person))
    with torch.no_grad():
        scores = model(torch.zeros(1, 3, 256, 352), boxes_xyxy[None], person_xyxy, torch.tensor([True])).scores
    np.testing.assert_allclose(scores[0].numpy(), wanted.reshape(-1), atol=1e-4)


def test_older_files_call_the_transforms_otherwise() -> None:
    theirs = {name.replace("group_conv", "p_conv"): each for name, each in released_human().items()}
    found = released_human_centric(Checkpoint(theirs, {}), Path("hcic.pth"))
    newer = released_human_centric(Checkpoint(released_human(), {}), Path("hcic.pth"))
    assert found.settings == newer.settings and found.tensors.keys() == newer.tensors.keys()


@pytest.mark.parametrize(
    ("left_out", "settings"),
    [
        ((), {"parts": 9, "person_vector": True, "relation": "graph", "content": True}),
        (("partition_aware.RoIConv.",), {"parts": 9, "person_vector": False}),
        (("partition_aware.",), {"parts": 1, "person_vector": False}),
        (("content_preserve.",), {"content": False, "heat": 0.0}),
    ],
)
def test_variants_of_the_human_centric_model_are_recognised(left_out: tuple[str, ...], settings: dict) -> None:
    theirs = {name: each for name, each in released_human().items() if not name.startswith(left_out or "-")}
    if not settings.get("person_vector", True) and "partition_aware.group_conv.weight" in theirs:
        theirs["partition_aware.group_conv.weight"] = theirs["partition_aware.group_conv.weight"][:, :32]
    if not settings.get("content", True):
        theirs["fc_layer.weight"] = theirs["fc_layer.weight"][:, :256]
    found = released_human_centric(Checkpoint(theirs, {}), Path("hcic.pth"))
    assert {name: found.settings[name] for name in settings} == settings
    build_human_centric(HumanCentricRecipe(**found.settings)).load_state_dict(found.tensors, strict=True)


@pytest.mark.parametrize("relation", ["graph", "conv"])
def test_the_order_of_crops_of_gafic_is_that_of_its_regions(relation: str) -> None:
    theirs = released_human(relation)
    found = released_global_attention(Checkpoint(theirs, {}), Path("gafic.pth"))
    assert found.settings["relation"] == relation
    recipe = GlobalAttentionRecipe(**found.settings)
    recipe.check(Path("gafic.pth"))
    model = build_global_attention(recipe)
    model.load_state_dict(found.tensors, strict=True)
    regions = torch.rand(1, 5, 64, 9, 9)
    with torch.no_grad():
        scores = model.evaluator(regions, None)[0]
        hidden = nn.functional.conv2d(regions[0], theirs["roi_feat_layer.0.weight"], theirs["roi_feat_layer.0.bias"])
        region = hidden.relu().flatten(1) @ theirs["roi_feat_layer.3.weight"].T
        wanted = region @ theirs["fc_layer.weight"][0, :256] + theirs["fc_layer.bias"]
    torch.testing.assert_close(scores, wanted, rtol=1e-4, atol=1e-4)


class Payload:
    def __reduce__(self) -> Any:
        return os.mkdir, ("never-made",)


def test_what_cannot_be_imported_is_refused_in_one_line_and_leaves_nothing(cadrage: Said, tmp_path) -> None:
    out = tmp_path / "out"
    files: dict[str, Any] = {
        "evil.pth": {"state_dict": released_grid(), "hook": Payload()},
        "human.pth": released_human(),
        "lacks.pth": {name: each for name, each in released_grid().items() if name != "FC_layers.1.0.bias"},
    }
    files["nan.pth"] = released_grid() | {"DimRed.bias": torch.full((8,), torch.nan)}
    for name, content in files.items():
        torch.save(content, tmp_path / name)
    (tmp_path / "text.pth").write_text("no checkpoint")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "human.pth").read_bytes()[:5000])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    reasons = {
        ("grid-anchor", "evil.pth", out): "holds an object of posix.mkdir",
        ("grid-anchor", "human.pth", out): "no grid-anchor model; it has no DimRed.weight",
        ("set-prediction", "human.pth", out): "no set predictor; it has no class_embed.weight",
        ("human-centric", "lacks.pth", out): "no human-centric model; it has no f3_layer.weight",
        ("grid-anchor", "lacks.pth", out): "several scales, 8 channels, 9x9 cells, but layers are missing",
        ("grid-anchor", "nan.pth", out): "DimRed.bias holds numbers that are not finite",
        ("grid-anchor", "text.pth", out): "damaged, or no checkpoint of PyTorch",
        ("grid-anchor", "cut.pth", out): "damaged",
        ("default", "human.pth", out): "there are set-prediction, grid-anchor, human-centric, global-attention",
        ("gird-anchor", "human.pth", out): "did you mean 'grid-anchor'?",
        ("human-centric", "human.pth", tmp_path / "full"): "holds something else",
    }
    for (system, name, place), reason in reasons.items():
        code, printed, told = cadrage("import", system, tmp_path / name, "-o", place)
        assert (code, printed, told.count("\n")) == (2, "", 1), told
        assert reason in told
    assert not out.exists() and not Path("never-made").exists()
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine.txt"]
    told = cadrage("import", "human-centric", tmp_path / "human.pth", "-o", out, "--set", "resze=squash")[2]
    assert "--set: unknown field 'resze'; did you mean 'resize'?" in told
    assert "weights_only" not in told
