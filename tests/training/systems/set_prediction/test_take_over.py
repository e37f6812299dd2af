"""Starting from the trunk of another run: what is frozen stays, and the evaluator comes along into the product."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cadrage.errors import UsageError
from cadrage.inference.cropper import Cropper
from cadrage.models.default import CropModel
from cadrage.papers.names import RECIPES
from cadrage.training.engine.record import WEIGHTS
from cadrage.training.run import export_run, read_recipe, train_from_recipe

FROZEN = {"trunk_weights": "default.safetensors", "freeze_backbone": "true", "evaluator": "true", "epochs": "1"}


@pytest.fixture(scope="module")
def taken(data: Path, tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CropModel, Path]:
    """A run on the trunk of a default model of random weights."""
    torch.manual_seed(0)
    model = CropModel(proposer_width=16, anchors=4)
    save_file(model.state_dict(), data / "default.safetensors")
    out = tmp_path_factory.mktemp("runs") / "taken"
    train_from_recipe(tiny_recipe, data, out, overrides=FROZEN)
    return model, out


def test_trunk_and_evaluator_stay_as_they_were(taken):
    model, run = taken
    weights = load_file(run / WEIGHTS)
    for name, tensor in model.trunk.state_dict().items():
        assert torch.equal(weights[f"backbone.{name}"], tensor)
    for name, tensor in model.evaluator.state_dict().items():
        assert torch.equal(weights[f"evaluator.{name}"], tensor)


def test_the_product_scores_boxes_and_knows_the_whole_set(taken, data, tmp_path):
    model, run = taken
    export_run(run, tmp_path / "model")
    photo = data / "fcdb" / "train" / "images" / "8.png"
    encoded = Cropper(tmp_path / "model").encode(photo)
    found = encoded.predicted_set
    assert found.boxes_xyxy.shape == (6, 4)
    assert (np.diff(found.validities) <= 0).all() and 0 < found.validities.min() < found.validities.max() < 1
    boxes = np.array([[0.1, 0.2, 0.9, 0.8], [0.0, 0.0, 1.0, 1.0]])
    mirrored = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    with Image.open(photo) as picture:
        width, height = picture.size
    with torch.no_grad():
        expected = model.eval().evaluator(
            torch.from_numpy(encoded.features),
            torch.full((2,), float(np.log(width / height))),
            torch.from_numpy(np.stack([boxes, mirrored])).float(),
        )
    np.testing.assert_allclose(encoded.score(boxes), expected.mean(dim=0).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trunk_weights": "nowhere.safetensors"}, "nowhere.safetensors: no such weights"),
        ({"evaluator": "true"}, "an evaluator only fits the frozen backbone of its run"),
        ({"freeze_backbone": "true", "backbone_weights": ""}, "keeps a backbone of random numbers"),
    ],
)
def test_what_cannot_be_taken_over(data, tiny_recipe, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings)


def test_the_weights_of_another_backbone_are_refused(data, tiny_recipe, tmp_path):
    save_file({"trunk.backbone.stem.weight": torch.zeros(3)}, data / "other.safetensors")
    with pytest.raises(UsageError, match="does not fit this model"):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides={"trunk_weights": "other.safetensors"})


def test_light_recipes_fit_together():
    folder = RECIPES / "set-prediction"
    light = read_recipe(folder / "light.toml")
    for file in folder.glob("light*.toml"):
        recipe = read_recipe(file)
        assert recipe.train == light.train and not any("dev" in entry for entry in recipe.train)
        assert recipe.trunk_weights == light.trunk_weights and recipe.freeze_backbone
