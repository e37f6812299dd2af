"""What a user can get wrong: the message names the input, the reason and the way out."""

import json
import logging

import numpy as np
import pytest

from cadrage.datasets.manifest import Pair
from cadrage.errors import UsageError
from cadrage.training.engine.evaluators.measure import Scores, measurable, measure_scores
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.evaluators.targets import expect_targets, score_scale
from cadrage.training.engine.module import NonFiniteLossError
from cadrage.training.engine.photos import rated_photos
from cadrage.training.engine.record import WEIGHTS
from cadrage.training.run import read_recipe, train_from_recipe
from cadrage.training.systems.grid_anchor import GridRecipe

BOXES = [[0.1, 0.1, 0.9, 0.9], [0.2, 0.2, 0.9, 0.9], [0.1, 0.1, 0.6, 0.9]]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"backbone": "mobilenetv2"}, "unknown backbone 'mobilenetv2'; did you mean 'mobilenet-v2'?"),
        ({"backbone": "vgg19"}, "did you mean 'vgg16'?"),
        ({"regions": "both"}, "unknown regions 'both'; there are"),
        ({"head": "batch"}, "unknown head 'batch'"),
        ({"train": "gaicd-v2"}, "expected FOLDER:SPLIT such as gaicd-v2:train, got 'gaicd-v2'"),
        ({"side": "100"}, "side 100 must be a multiple of 32"),
        ({"longer_side_limit": "32"}, "longer_side_limit 32 is below side 64"),
        ({"window_share": "0.5"}, 'window_share needs resize = "squash"'),
        ({"crops": "0"}, "crops must be at least 1, got 0"),
        ({"huber": "0"}, "nothing to learn; give one of huber, rank, pairs, overlap a weight"),
        ({"huber": "-1", "pairs": "1"}, "none below"),
        ({"score_deviation": "-1"}, "score_deviation must not be negative"),
        ({"freeze_backbone": "true", "backbone_weights": ""}, "keeps a backbone of random numbers"),
        ({"bakbone": "vgg16"}, "unknown field 'bakbone'; did you mean 'backbone'?"),
    ],
)
def test_a_recipe_that_cannot_be_is_told(tiny_grid, overrides, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        read_recipe(tiny_grid, overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train": "gone:train"}, "gone"),
        ({"backbone_weights": "gone.safetensors"}, "gone.safetensors: no such weights"),
        ({"keep_best": "iou"}, "'iou' is not measured on gaicd-v2:val; choose one of srcc, acc5, acc10, ranking"),
        ({"keep_best": "pairs"}, "'pairs' is not measured"),
        ({"pairs": "1"}, "no pairs of views with votes; set pairs to 0"),
        ({"train": "fcdb/train:fit", "pairs": "1"}, "every crop is rated 1, so there is nothing to learn"),
        ({"score_mean": "50", "score_deviation": "10"}, "far from score_mean 50; set score_deviation to 0"),
    ],
)
def test_what_cannot_be_trained_is_told_before_it_begins(rated_data, tiny_grid, tmp_path, overrides, message):
    with pytest.raises(UsageError, match=message):
        train_from_recipe(tiny_grid, rated_data, tmp_path / "run", overrides=overrides)


@pytest.mark.parametrize("box", [[0.2, 0.2, 0.2, 0.8], [0.8, 0.2, 0.3, 0.9], [0.0, 0.0, 1.6, 1.0]])
def test_boxes_of_no_size_swapped_or_outside_are_refused_by_their_line(write_rated, tmp_path, box):
    manifest = write_rated(tmp_path) / "gaicd-v2" / "metadata.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[3]["crops"][0]["box"] = box
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UsageError, match=r"metadata\.jsonl, line 4: "):
        rated_photos(tmp_path, ("gaicd-v2:train",))


def test_unrated_crops_are_left_out_and_counted(write_rated, tmp_path, caplog):
    manifest = write_rated(tmp_path) / "gaicd-v2" / "metadata.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[3]["crops"][0]["score"] = rows[3]["crops"][2]["score"] = -2.0
    before = len(rows[3]["crops"])
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = rated_photos(tmp_path, ("gaicd-v2:train",))
    assert len(records[1].crops_xyxy) == len(records[1].scores) == before - 2
    assert records[1].scores.min() >= 0
    assert "2 crops with a negative score" in caplog.text


def test_unreadable_photos_are_named_and_counted_and_do_not_end_the_run(write_rated, data, tiny_grid, tmp_path, caplog):
    root = write_rated(tmp_path)
    (root / "weights").symlink_to(data / "weights")
    for name in ("4.png", "0.png"):
        (root / "gaicd-v2" / "images" / name).write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        train_from_recipe(tiny_grid, root, tmp_path / "run", overrides={"epochs": "1"})
    assert "4.png" in caplog.text and "0.png" in caplog.text
    assert "epoch 0: 1 photos could not be read" in caplog.text
    assert (tmp_path / "run" / WEIGHTS).is_file()


def test_a_folder_without_a_readable_photo_is_told(write_rated, data, tiny_grid, tmp_path):
    root = write_rated(tmp_path)
    (root / "weights").symlink_to(data / "weights")
    for file in (root / "gaicd-v2" / "images").iterdir():
        file.write_bytes(b"no photo")
    with pytest.raises(UsageError, match="epoch 0: none of its photos could be read"):
        train_from_recipe(tiny_grid, root, tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_with_the_photos_names(rated_data, tiny_grid, tmp_path, monkeypatch):
    losses = EvaluatorTraining.losses

    def broken(self, batch):
        return {name: value * float("nan") for name, value in losses(self, batch).items()}

    monkeypatch.setattr(EvaluatorTraining, "losses", broken)
    with pytest.raises(NonFiniteLossError, match=r"step 0, photos images/\d\.png, .*loss is not finite, terms"):
        train_from_recipe(tiny_grid, rated_data, tmp_path / "run")


def test_the_scale_is_that_of_the_recipe_or_of_the_data(record):
    photos = [record(BOXES, [2.0, 3.0, 4.0]), record(BOXES[:1], [5.0])]
    given = score_scale(photos, GridRecipe(score_mean=2.95, score_deviation=0.8))
    found = score_scale(photos, GridRecipe(score_deviation=0.0))
    assert (given.mean, given.deviation) == (2.95, 0.8)
    assert (found.mean, found.deviation) == pytest.approx((3.5, np.std([2, 3, 4, 5])))
    assert score_scale(photos, GridRecipe(huber=0.0, pairs=1.0)) is None


def test_pairs_that_nobody_voted_on_teach_nothing(record):
    empty = Pair((0.0, 0.0, 0.5, 0.5), (0.2, 0.2, 0.9, 0.9), 0, 0)
    with pytest.raises(UsageError, match="no pairs of views with votes"):
        expect_targets([record(BOXES, [1, 2, 3], pairs=[empty])], GridRecipe(pairs=1.0))


def test_what_is_measured_depends_on_what_people_said(record):
    view, other = (0.0, 0.0, 0.5, 0.5), (0.2, 0.2, 0.9, 0.9)
    rated = record(BOXES, [1, 2, 3], "a")
    voted = record(BOXES[:1], [1], "b", pairs=[Pair(view, other, 4, 1), Pair(view, other, 1, 4)])
    assert measurable([rated]) == ("srcc", "acc5", "acc10", "ranking")
    assert measurable([voted]) == ("pairs",)
    answers = {
        "a": Scores(np.array([0.1, 0.5, 0.9]), np.empty((0, 2))),
        "b": Scores(np.zeros(1), np.array([[1.0, 0.0], [1.0, 0.0]])),
    }
    measured = measure_scores([rated, voted], answers)
    assert (measured["srcc"], measured["pairs"]) == pytest.approx((1.0, 0.5))
    assert measure_scores([rated], {}) == {}
