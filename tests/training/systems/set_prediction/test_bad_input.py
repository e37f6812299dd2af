"""What cannot be trained gives one line, with the file, the reason and the way out; what can be is not refused."""

import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cadrage.errors import CadrageError, ModelError, UsageError
from cadrage.training.engine.module import NonFiniteLossError
from cadrage.training.engine.record import CHECKPOINT, WEIGHTS
from cadrage.training.run import train_from_recipe
from cadrage.training.systems.set_prediction.loss import SetLoss

ONE_EPOCH = {"epochs": "1", "drops": ""}
BOX = [0.1, 0.1, 0.9, 0.9]

Row = dict[str, Any]


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """A copy of the data that a test may spoil."""
    shutil.copytree(data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def rated(folder: Path) -> Callable[[Callable[[int], list[Row]]], None]:
    """A function that gives the photo of each number from 0 other crops."""

    def rate(crops: Callable[[int], list[Row]]) -> None:
        manifest = folder / "fcdb" / "train" / "metadata.jsonl"
        rows = [json.loads(line) for line in manifest.read_text().splitlines()]
        changed = [row | {"crops": crops(number)} for number, row in enumerate(rows)]
        manifest.write_text("".join(json.dumps(row) + "\n" for row in changed))

    return rate


@pytest.fixture
def train(tiny_recipe: Path, folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """A function that trains on the copy for an epoch."""

    def run(**settings: str) -> Path:
        train_from_recipe(tiny_recipe, folder, tmp_path / "run", overrides=ONE_EPOCH | settings)
        return tmp_path / "run"

    return run


def refused(train: Callable[..., Path], message: str, kind: type[CadrageError] = UsageError, **settings: str) -> None:
    with pytest.raises(kind) as caught:
        train(**settings)
    assert re.fullmatch(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def no_run(folder: Path) -> bool:
    return not (folder.parent / "run").exists()


def test_photos_without_a_good_crop_learn_their_best_and_are_counted(
    train: Any, rated: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rated(lambda number: [{"box": BOX, "score": 4.5 if number == 2 else 3.0}])
    with caplog.at_level(logging.WARNING):
        assert (train(good_score="4") / WEIGHTS).is_file()
    assert "7 of 8 photos have no crop of 4; their best count as good" in caplog.messages


def test_photos_without_any_crop_are_counted_and_left_out(
    train: Any, rated: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rated(lambda number: [] if number in (0, 3, 4) else [{"box": BOX, "score": 1.0}])
    with caplog.at_level(logging.WARNING):
        record = json.loads((train() / "run.json").read_text())
    assert (record["photos_fit"], record["photos_dev"]) == (6, 1)
    assert "fcdb/train:fit: 2 photos without a rated crop are left out" in caplog.messages
    assert "fcdb/train:dev: 1 photos without a rated crop are left out" in caplog.messages


def test_no_rated_photo_at_all(train: Any, rated: Any, folder: Path) -> None:
    rated(lambda number: [])
    refused(train, rf"{folder}: no photo with a rated crop in fcdb/train:fit; is this the right folder\?")


def test_one_crop_per_photo_and_all_anchors_taken_are_fine(train: Any, rated: Any) -> None:
    crops = [{"box": [0.1, 0.1, 0.5 + 0.05 * each, 0.9], "score": 1.0} for each in range(6)]
    rated(lambda number: crops[:1] if number < 5 else crops)
    assert (train() / WEIGHTS).is_file()


def test_more_good_crops_than_anchors(train: Any, rated: Any) -> None:
    crops = [{"box": [0.1, 0.1, 0.5 + 0.05 * each, 0.9], "score": 1.0} for each in range(7)]
    rated(lambda number: crops if number == 4 else crops[:2])
    refused(
        train,
        r"images/11\.png: 7 good crops for 6 anchors; raise the threshold, suppress near duplicates or give the model "
        r"more anchors",
    )


def test_scores_of_another_scale_than_good_crops(train: Any) -> None:
    refused(
        train,
        r"no crop of 8 photos has the score 4 of a good one \(the best has 1\); "
        r"set the threshold of the recipe to the scale of the data",
        good_score="4",
    )


def test_scores_of_another_scale_than_quality_guidance(train: Any) -> None:
    refused(
        train,
        r"quality guidance starts at the score 2, but the best crop has 1; "
        r"set quality_low and quality_high to the scale of the data",
        smoothing="quality",
    )


def test_guidance_without_a_range(train: Any) -> None:
    refused(
        train,
        r".*tiny\.toml: quality_low must be below quality_high \(0\.5\), got 0\.5",
        smoothing="quality",
        quality_low="0.5",
        quality_high="0.5",
    )


def test_a_detector_of_another_size(train: Any, folder: Path) -> None:
    shapes = {"transformer.encoder.layers.0.linear1.weight": (64, 32), "input_proj.weight": (32, 2048, 1, 1)}
    file = folder / "weights" / "detector.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, file)
    listed = r"proposer\.reduce\.weight is \(32, 2048, 1, 1\), the model has \(16, 2048, 1, 1\); .*; and \d{3} more"
    refused(
        train,
        rf"{file}: does not fit this model; choose a model of the same size\. {listed}",
        backbone="resnet50",
        checkpoint="weights/detector.safetensors",
    )
    assert no_run(folder)


def test_a_trained_trunk_of_another_size(train: Any, folder: Path) -> None:
    weights = load_file(train() / WEIGHTS)
    weights["backbone.backbone.stem.weight"] = torch.zeros(16, 3, 3, 3)
    file = folder / "weights" / "run.safetensors"
    save_file(weights, file)
    shutil.rmtree(folder.parent / "run")
    refused(
        train,
        rf"{file}: does not fit this model; choose a model of the same size\. "
        r"backbone\.stem\.weight is \(16, 3, 3, 3\), the model has \(32, 3, 3, 3\)",
        trunk_weights="weights/run.safetensors",
    )
    assert no_run(folder)


@pytest.mark.parametrize("field", ["trunk_weights", "checkpoint", "backbone_weights"])
def test_weights_that_are_not_there(train: Any, folder: Path, field: str) -> None:
    refused(train, rf"{folder}/gone\.pth: no such weights there or in the current folder; .*", **{field: "gone.pth"})
    assert no_run(folder)


def test_a_rating_model_that_is_not_there(train: Any, folder: Path) -> None:
    settings = {"smoothing": "quality", "quality_model": "weights/gone"}
    refused(train, r"no model at weights/gone; .*", ModelError, **settings)
    assert no_run(folder)


def test_an_empty_data_folder(train: Any, folder: Path) -> None:
    shutil.rmtree(folder / "fcdb")
    refused(train, rf".*{folder}/fcdb/train.*metadata\.jsonl.*")
    (folder / "fcdb" / "train").mkdir(parents=True)
    refused(train, rf".*{folder}/fcdb/train.*metadata\.jsonl.*")


def test_an_empty_manifest_and_an_empty_split(train: Any, folder: Path) -> None:
    manifest, split = (folder / "fcdb" / "train" / name for name in ("metadata.jsonl", "splits/fit.txt"))
    manifest.write_text("")
    refused(train, r"split fit: 8 of 8 photos are not in the manifest \(images/8\.png, .*\); convert the whole .*")
    split.write_text("\n")
    refused(train, rf"{split}: names no photo; write one file_name per line")


def test_one_absent_and_one_damaged_photo_are_told_and_left_out(
    train: Any, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = folder / "fcdb" / "train" / "images"
    (images / "9.png").unlink()
    (images / "10.png").write_bytes((images / "10.png").read_bytes()[:60])
    with caplog.at_level(logging.WARNING):
        assert (train() / WEIGHTS).is_file()
    told = sorted(message for message in caplog.messages if message.endswith("the photo is left out"))
    assert [re.search(r"\d+\.png", message)[0] for message in told] == ["10.png", "9.png"]  # type: ignore[index]


def test_an_epoch_without_a_readable_photo(train: Any, folder: Path) -> None:
    for photo in (folder / "fcdb" / "train" / "images").iterdir():
        photo.write_bytes(b"")
    refused(train, r"epoch 0: none of its photos could be read; the log names them, check the folder")
    assert not (folder.parent / "run" / CHECKPOINT).exists()


def test_photos_of_one_name_in_two_validation_folders(train: Any, folder: Path) -> None:
    shutil.copytree(folder / "fcdb" / "train", folder / "more")
    refused(
        train,
        r"2 validation photos of different folders have the same name; validate on one folder",
        validate="fcdb/train:dev, more:dev",
    )


@pytest.mark.parametrize("term", ["loss", "prediction"])
def test_a_number_that_is_not_finite_stops_with_the_photos_of_the_batch(
    train: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    if term == "loss":
        monkeypatch.setattr(SetLoss, "total", lambda self, terms: terms["class"] * float("inf"))
        said = r"loss is not finite, terms \{.*\}"
    else:
        loss = SetLoss.__call__

        def spoil(self: SetLoss, prediction: Any, *others: Any) -> Any:
            return loss(self, prediction._replace(logits=prediction.logits * float("nan")), *others)

        monkeypatch.setattr(SetLoss, "__call__", spoil)
        said = r"layer 0, photo 0 of the batch: a prediction is not a finite number"
    photos = r"images/\d+\.png(, images/\d+\.png){3}"
    refused(
        train, rf"step 0, photos {photos}: {said}; look at these photos, or lower the learning rate", NonFiniteLossError
    )
