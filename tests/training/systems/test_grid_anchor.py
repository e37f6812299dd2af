"""A whole run on a tiny data set: weights, record, resuming, choosing, and the way into the product."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from cadrage.errors import UsageError
from cadrage.inference.cropper import Cropper
from cadrage.inference.store.card import ScoreScale, read_card
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.photos import rated_photos
from cadrage.training.engine.record import BEST, CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.run import export_run, load_trained, train_from_recipe
from cadrage.training.systems.grid_anchor import GridRecipe

VOTES = {
    "train": "fcdb/train:fit",
    "validate": "fcdb/train:dev",
    "huber": "0",
    "pairs": "1",
    "overlap": "0.2",
    "pair_noise": "0.03",
    "keep_best": "pairs",
    "resize": "squash",
    "candidates": "lattice",
    "head": "norm",
}


@pytest.fixture(scope="module")
def run(rated_data, tiny_grid, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "plain"
    train_from_recipe(tiny_grid, rated_data, out)
    return out


@pytest.fixture(scope="module")
def square_run(rated_data, tiny_grid, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "square"
    overrides = {"resize": "squash", "keep_best": "srcc", "rank": "0.5", "average_decay": "0.5"}
    train_from_recipe(tiny_grid, rated_data, out, overrides=overrides)
    return out


@pytest.fixture(scope="module")
def voted_run(rated_data, tiny_grid, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "votes"
    train_from_recipe(tiny_grid, rated_data, out, overrides=VOTES)
    return out


@pytest.fixture(scope="module")
def exported(square_run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "square"
    export_run(square_run, folder)
    return folder


def recipe_of(run: Path) -> GridRecipe:
    return GridRecipe.from_dict(json.loads((run / RECORD).read_text())["recipe"])


def test_a_run_leaves_weights_record_and_log(run, rated_data):
    record = json.loads((run / RECORD).read_text())
    assert record["recipe"]["model"] == "grid-anchor"
    assert (record["photos_fit"], record["photos_dev"]) == (8, 2)
    assert recipe_of(run).train == ("gaicd-v2:train",)
    scores = np.concatenate([each.scores for each in rated_photos(rated_data, ("gaicd-v2:train",))])
    assert record["score_scale"] == pytest.approx({"mean": scores.mean(), "deviation": scores.std()})
    assert (run / WEIGHTS).is_file()
    assert list((run / "tensorboard").iterdir())


def test_an_interrupted_run_ends_with_the_same_weights(run, rated_data, tiny_grid, tmp_path, lose_second_epoch):
    """Photos of three shapes in batches of four: the second epoch is lost with its process."""

    out = tmp_path / "interrupted"
    lose_second_epoch(EvaluatorTraining, tiny_grid, rated_data, out)
    train_from_recipe(tiny_grid, rated_data, out, resume=True)
    # Not to the last bit: tensors from a file lie otherwise in memory, and sums are then taken in another order.
    resumed, whole = load_file(out / WEIGHTS), load_file(run / WEIGHTS)
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, atol=1e-6, rtol=1e-4)


def test_a_finished_run_stays_as_it_is(run, rated_data, tiny_grid, caplog):
    before = (run / WEIGHTS).read_bytes()
    train_from_recipe(tiny_grid, rated_data, run, resume=True)
    assert "finished already" in caplog.text
    assert (run / WEIGHTS).read_bytes() == before


def test_another_run_is_not_overwritten(run, rated_data, tiny_grid):
    with pytest.raises(UsageError, match="holds a run already"):
        train_from_recipe(tiny_grid, rated_data, run)
    with pytest.raises(UsageError, match="differs in reduced"):
        train_from_recipe(tiny_grid, rated_data, run, resume=True, overrides={"reduced": "4"})


def test_the_best_epoch_is_kept_and_said(square_run):
    said = json.loads((square_run / BEST).read_text())
    assert (said["metric"], said["epoch"] in (0, 1)) == ("srcc", True)
    assert -1 <= said["value"] <= 1
    assert (square_run / CHECKPOINT).is_file()


def test_the_exported_model_scores_like_the_network(square_run, exported, rated_data):
    card = json.loads((exported / "card.json").read_text())
    assert set(card["parts"]) == {"trunk", "evaluator"}
    assert "proposals" not in card
    cropper = Cropper(exported)
    assert cropper.model.card.score_scale == ScoreScale(**json.loads((square_run / RECORD).read_text())["score_scale"])
    model = load_trained(square_run).model
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    boxes = np.sort(np.random.default_rng(1).random((7, 2, 2)), axis=1).reshape(-1, 4)
    views = torch.from_numpy(np.stack([image, image[:, ::-1]])).permute(0, 3, 1, 2).float() / 255
    turned = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
    with torch.no_grad():
        expected = model(views, torch.from_numpy(np.stack([boxes, turned])).float()).mean(dim=0)
    scores = cropper.model.encode(image, (64, 48)).score(boxes)
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-4)
    photo = rated_data / "gaicd-v2" / "images" / "3.png"
    found = cropper.suggest(photo, ratio=["free", "1:1"], n=3)
    assert [crop.ratio for crop in found.crops] == ["free"] * 3 + ["1:1"] * 3
    assert "expected rating" in found.best.reason
    alone = cropper.score(photo, found.xyxyn).reshape(2, 3)
    # Of crops unlike the grid, which fill a set up, the score is no higher than of the crop before.
    np.testing.assert_allclose(np.minimum.accumulate(alone, axis=1).ravel(), found.scores, atol=1e-5)


def test_the_exported_parts_take_any_number_of_boxes(exported):
    names = [each.name for each in onnx.load(exported / "evaluator.onnx").graph.input]
    assert names == ["features", "log_aspect", "boxes"]
    encoded = Cropper(exported).model.encode(np.zeros((64, 64, 3), np.uint8), (64, 64))
    for count in (0, 1, 5000):
        assert encoded.score(np.tile([0.1, 0.1, 0.9, 0.9], (count, 1))).shape == (count,)


def test_votes_and_overlaps_train_without_ratings(voted_run, tmp_path, monkeypatch):
    record = json.loads((voted_run / RECORD).read_text())
    assert record["score_scale"] is None
    assert json.loads((voted_run / BEST).read_text())["metric"] == "pairs"
    # Writing the parts takes long, and another test does it.
    named = {part: {"file": f"{part}.onnx", "sha256": "0" * 64} for part in ("trunk", "evaluator")}
    monkeypatch.setattr("cadrage.training.run.write_parts", lambda parts, folder: named)
    export_run(voted_run, tmp_path / "model")
    card = read_card(tmp_path / "model")
    assert (card.score_scale, card.candidates, card.proposals) == (None, "lattice", None)


def test_a_trained_model_can_be_gone_on_from(square_run, rated_data, tiny_grid, tmp_path):
    overrides = {
        "checkpoint": str(square_run / WEIGHTS),
        "epochs": "1",
        "learning_rate": "0",
        "freeze_backbone": "true",
    }
    train_from_recipe(tiny_grid, rated_data, tmp_path / "on", overrides=overrides)
    before, after = load_file(square_run / WEIGHTS), load_file(tmp_path / "on" / WEIGHTS)
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor)


def test_weights_of_another_head_are_refused_by_its_name(voted_run, rated_data, tiny_grid, tmp_path):
    overrides = {"checkpoint": str(voted_run / WEIGHTS)}
    with pytest.raises(UsageError, match=r"its head is the variant 'norm', this model has 'plain'"):
        train_from_recipe(tiny_grid, rated_data, tmp_path / "on", overrides=overrides)
