"""Models trained at the photo's own shape: what is exported gives what the model gives in torch, whatever the shape."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cadrage.cli.app import main
from cadrage.evaluation.answers import Floats
from cadrage.geometry import mirror
from cadrage.inference.session import load_model
from cadrage.models.backbones.pyramids import PYRAMIDS
from cadrage.photo import open_photo
from cadrage.training.engine.evaluators.module import Shown
from cadrage.training.engine.recipes import Recipe
from cadrage.training.engine.record import RECORD, WEIGHTS, write_weights
from cadrage.training.run import export_run, load_trained
from cadrage.training.systems.global_attention import GlobalAttentionRecipe, build_global_attention
from cadrage.training.systems.grid_anchor import GridRecipe, build_grid_model
from cadrage.training.systems.human_centric import HumanCentricRecipe, build_human_centric
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.system import build_set_predictor

BOXES = np.array([[0.1, 0.1, 0.9, 0.8], [0.0, 0.0, 1.0, 1.0], [0.25, 0.3, 0.5, 0.75]])
PERSON = np.array([0.2, 0.3, 0.5, 0.9])
SIZES_WH = [(200, 100), (90, 210), (130, 127), (900, 110)]
SMALL: dict[str, Any] = {"side": 64, "longer_side_limit": 256, "backbone": "levels", "backbone_weights": ""}
EVALUATORS: dict[str, tuple[Recipe, Callable[[Any], torch.nn.Module]]] = {
    "grid": (
        GridRecipe(**SMALL, legacy=True, pixel_divisor=256, resize_filter="bilinear-plain"),
        build_grid_model,
    ),
    "human": (HumanCentricRecipe(**SMALL, legacy=True, resize_filter="lanczos"), build_human_centric),
    "attention": (GlobalAttentionRecipe(**SMALL, partition=True), build_global_attention),
}
SETS = {
    backbone: SetRecipe(
        backbone=backbone, backbone_weights="", shorter_side_measured=64, longer_side_limit=200, width=16, heads=2,
        encoder_layers=1, decoder_layers=2, hidden=16, anchors=7,
    )
    for backbone in ("resnet50-dc5", "mobilenet-v2")
}  # fmt: skip


def as_run(recipe: Recipe, model: torch.nn.Module, folder: Path) -> Path:
    """The folder of a run that was never trained but looks so."""
    folder.mkdir()
    write_weights(folder / WEIGHTS, model.state_dict())
    record = {"recipe": recipe.to_dict(), "score_scale": {"mean": 2.95, "deviation": 0.8}}
    (folder / RECORD).write_text(json.dumps(record))
    return folder


def photos(folder: Path) -> list[Path]:
    rng, files = np.random.default_rng(0), []
    for number, (width, height) in enumerate(SIZES_WH):
        small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8))
        files.append(folder / f"{number}.jpg")
        small.resize((width, height), Image.Resampling.BICUBIC).save(files[-1], quality=95)
    return files


@pytest.fixture(scope="module", autouse=True)
def _smallest_backbone(levels: type[torch.nn.Module]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PYRAMIDS, "levels", levels)
        yield


@pytest.fixture(scope="module", params=EVALUATORS)
def evaluator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    recipe, build = EVALUATORS[request.param]
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp(request.param)
    run = as_run(recipe, build(recipe), folder / "run")
    export_run(run, folder / "model")
    return run, folder / "model"


def views(pixels: np.ndarray, divisor: int = 255) -> torch.Tensor:
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / divisor
    return torch.cat([image, image.flip(3)])


def in_torch(run: Path, shown: torch.Tensor, person: Floats | None) -> Floats:
    """Scores of `BOXES`, the mean of both views."""
    trained = load_trained(run)
    box = np.zeros((1, 4)) if person is None else person[None]
    persons, boxes = np.concatenate([box, mirror(box)]), np.stack([BOXES, mirror(BOXES)])
    there = torch.full((2,), person is not None)
    guides = (torch.from_numpy(persons).float(), there, torch.zeros(2, 1, 64, 64), torch.zeros(2, dtype=torch.bool))
    asked = Shown(shown, torch.from_numpy(boxes).float(), *guides, progress=1.0, training=False)
    with torch.inference_mode():
        scores: Floats = trained.system.forward(trained.recipe)(trained.model, asked).scores.double().numpy()
    return scores.mean(axis=0)


def test_an_exported_evaluator_gives_the_scores_of_torch_at_every_shape(evaluator, tmp_path) -> None:
    run, folder = evaluator
    model, recipe = load_model(folder, threads=1), load_trained(run).recipe
    shapes = set()
    for file in photos(tmp_path):
        photo = open_photo(file)
        look = model.look(photo)
        shapes.add(look.features.shape[2:])
        shown = views(
            photo.model_input(recipe.shown.size_wh(photo.size_wh), recipe.resize_filter), recipe.pixel_divisor
        )
        for person in (PERSON, None) if model.card.persons else (None,):
            wanted = in_torch(run, shown, person)
            assert np.abs(look.score(BOXES, person) - wanted).max() < 1e-5
        if "importance" in model.card.parts:
            assert look.importance(PERSON if model.card.persons else None).shape == (64, 64)
    assert len(shapes) == len(SIZES_WH)


@pytest.mark.parametrize("backbone", SETS)
def test_an_exported_set_predictor_gives_the_set_of_torch_at_every_shape(backbone, tmp_path) -> None:
    recipe = SETS[backbone]
    torch.manual_seed(0)
    predictor = build_set_predictor(recipe)
    torch.nn.init.normal_(predictor.proposer.box_head[-1].weight, std=0.1)
    run = as_run(recipe, predictor, tmp_path / "run")
    export_run(run, tmp_path / "model")
    model = load_model(tmp_path / "model", threads=1)
    for file in photos(tmp_path):
        photo = open_photo(file)
        found = model.look(photo).predicted_set()
        with torch.inference_mode():
            prediction = predictor.eval()(views(photo.model_input(recipe.shown.size_wh(photo.size_wh)))[:1])
        logits = prediction.logits[-1, 0].double()
        order = torch.argsort(-logits, stable=True)
        np.testing.assert_allclose(found.validities, logits[order].sigmoid().numpy(), atol=1e-5)
        centre, size = prediction.boxes_cxcywh[-1, 0].double()[order].split(2, dim=1)
        corners = torch.cat([centre - size / 2, centre + size / 2], dim=1).clamp(0, 1)
        np.testing.assert_allclose(found.boxes_xyxy, corners.numpy(), atol=1e-5)


def test_the_product_takes_such_a_model_like_any_other(evaluator, capsys, tmp_path) -> None:
    _, folder = evaluator
    files = [str(file) for file in photos(tmp_path)]

    def answered(*arguments: str) -> list[dict[str, Any]]:
        code, (out, err) = main([*arguments, "--model", str(folder)]), capsys.readouterr()
        assert (err, code) == ("", 0)
        return [json.loads(line) for line in out.splitlines()]

    explained = ["--explain", str(tmp_path / "explained.html")] if (folder / "importance.onnx").is_file() else []
    found = answered("suggest", *files, "--ratio", "free", "--ratio", "1:1", "-n", "2", *explained)
    assert [{crop["ratio"] for crop in row["crops"]} for row in found] == [{"free", "1:1"}] * len(files)
    asked = tmp_path / "boxes.jsonl"
    asked.write_text(json.dumps({"file": files[0], "boxes": BOXES.tolist()}) + "\n")
    assert len(answered("score", "--boxes", str(asked))[0]["scores"]) == len(BOXES)


def test_a_card_says_how_photos_are_shown(evaluator) -> None:
    run, folder = evaluator
    said, recipe = json.loads((folder / "card.json").read_text())["input"], load_trained(run).recipe
    assert load_model(folder).card.input == recipe.shown
    assert (said["shape"], said["side"], said["multiple"], said["longer_side_limit"]) == ("own", 64, 32, 256)
    squares = replace(recipe, resize="squash")
    assert squares.shown.size_wh((900, 110)) == (64, 64)
