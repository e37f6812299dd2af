"""Where a run starts from, and what is refused before there is a folder of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cadrage.cli.app import main
from cadrage.errors import UsageError
from cadrage.inference.cropper import Cropper
from cadrage.training.engine.record import RECORD, WEIGHTS, resume_folder
from cadrage.training.run import export_run, load_trained, read_recipe, train_from_recipe
from cadrage.training.systems.grid_anchor import GridRecipe, build_grid_model

SHORT = {"epochs": "1", "train": "gaicd-v2:val", "resize": "squash"}


def untrained(tiny_grid: Path, folder: Path, **changes: str) -> GridRecipe:
    """The folder of a run as training would leave it, with random weights, and its recipe."""
    recipe = read_recipe(tiny_grid, SHORT | changes)
    folder.mkdir()
    torch.manual_seed(0)
    model = build_grid_model(recipe)
    # As they begin, scores hardly differ between boxes.
    torch.nn.init.normal_(model.head.last.weight)
    save_file(model.state_dict(), folder / WEIGHTS)
    (folder / RECORD).write_text(json.dumps({"recipe": recipe.to_dict(), "score_scale": None}))
    return recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reduced": "4"}, "reduces to 2 channels, this model to 4; build the model with reduced=2"),
        ({"bins": "5"}, "its head sees 18 cells of a box, this model's 50"),
        ({"head": "norm"}, "its head is the variant 'plain', this model has 'norm'"),
        ({"backbone": "shufflenet-v2"}, "does not fit this model"),
        ({"regions": "rod"}, 'was trained with regions = "roi\\+rod", the recipe has "rod"; set regions'),
        # As large as the other two, so that the tensors would fit.
        ({"regions": "roi+whole"}, 'was trained with regions = "roi\\+rod", the recipe has "roi\\+whole"'),
        ({"legacy": "true"}, "was trained with legacy = false, the recipe has true; set legacy"),
    ],
)
def test_weights_of_another_form_are_refused_by_what_they_are_and_leave_no_run(
    rated_data, tiny_grid, tmp_path, changes, message
):
    untrained(tiny_grid, tmp_path / "before")
    overrides = SHORT | changes | {"checkpoint": str(tmp_path / "before" / WEIGHTS)}
    with pytest.raises(UsageError, match=message) as told:
        train_from_recipe(tiny_grid, rated_data, tmp_path / "run", overrides=overrides)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def test_missing_weights_leave_no_run(rated_data, tiny_grid, tmp_path):
    for field in ("checkpoint", "backbone_weights"):
        with pytest.raises(UsageError, match=r"gone\.safetensors: no such weights"):
            train_from_recipe(tiny_grid, rated_data, tmp_path / "run", overrides={field: "gone.safetensors"})
    assert not (tmp_path / "run").exists()


def test_a_run_that_samples_as_the_authors_code_does_so_in_the_product(tiny_grid, tmp_path):
    untrained(tiny_grid, tmp_path / "run", legacy="true")
    export_run(tmp_path / "run", tmp_path / "model")
    encoded = Cropper(tmp_path / "model").model.encode(image := photo(), (64, 48))
    boxes = np.sort(np.random.default_rng(1).random((7, 2, 2)), axis=1).reshape(-1, 4)
    model = load_trained(tmp_path / "run").model
    views = torch.from_numpy(np.stack([image, image[:, ::-1]])).permute(0, 3, 1, 2).float() / 255
    turned = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
    expected = {}
    for legacy in (True, False):
        model.legacy = legacy
        with torch.no_grad():
            expected[legacy] = model(views, torch.from_numpy(np.stack([boxes, turned])).float()).mean(dim=0).numpy()
    np.testing.assert_allclose(encoded.score(boxes), expected[True], atol=1e-4)
    assert np.abs(expected[True] - expected[False]).max() > 1e-3


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def test_a_run_that_was_begun_before_there_was_a_setting_goes_on_without_it(tmp_path):
    recipe = GridRecipe()
    now = {"recipe": recipe.to_dict(), "manifests_sha256": {}}
    before = {"recipe": {key: value for key, value in recipe.to_dict().items() if key != "legacy"}}
    (tmp_path / RECORD).write_text(json.dumps(now | before))
    assert resume_folder(tmp_path, now) is None
    with pytest.raises(UsageError, match="differs in legacy"):
        resume_folder(tmp_path, now | {"recipe": now["recipe"] | {"legacy": True}})


def test_photos_without_ratings_are_told(write_rated, tiny_grid, tmp_path):
    manifest = write_rated(tmp_path) / "gaicd-v2" / "metadata.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for crops in ([], [{"box": [0.1, 0.1, 0.9, 0.9], "score": -2.0}]):
        manifest.write_text("".join(json.dumps(row | {"crops": crops}) + "\n" for row in rows))
        with pytest.raises(UsageError, match=r"no photo with a rated crop in gaicd-v2:train; is this the right folder"):
            train_from_recipe(tiny_grid, tmp_path, tmp_path / "run")


def test_there_is_nothing_to_resume(rated_data, tiny_grid, tmp_path, capsys):
    command = ["train", str(tiny_grid), "--data", str(rated_data), "--out", str(tmp_path / "run"), "--resume"]
    assert main(command) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "to resume from; leave out --resume to start" in said[0]
    assert not (tmp_path / "run").exists()
