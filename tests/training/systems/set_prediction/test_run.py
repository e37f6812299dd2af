"""The whole way of a set predictor: train, resume, export, suggest; and learning a few photos by heart."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from cadrage.errors import UsageError
from cadrage.inference.cropper import Cropper
from cadrage.models.boxes import cxcywh_to_xyxy, iou
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.engine.module import NonFiniteLossError
from cadrage.training.engine.photos import select_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import export_run, load_trained, read_recipe, train_from_recipe
from cadrage.training.systems.set_prediction.module import SetTraining
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.samples import SetSamples, collate
from cadrage.training.systems.set_prediction.targets import make_targets


@pytest.fixture(scope="module")
def run(data, tiny_recipe, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "plain"
    train_from_recipe(tiny_recipe, data, out)
    return out


def test_a_run_leaves_weights_record_and_log(run):
    record = json.loads((run / RECORD).read_text())
    assert record["recipe"]["model"] == "set-prediction"
    assert (record["photos_fit"], record["photos_dev"]) == (8, 2)
    assert SetRecipe.from_dict(record["recipe"]).drops == (1,)
    assert (run / WEIGHTS).is_file()
    assert list((run / "tensorboard").iterdir())


def test_the_same_seed_gives_the_same_weights(run, data, tiny_recipe, tmp_path):
    train_from_recipe(tiny_recipe, data, tmp_path / "again")
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (run / WEIGHTS).read_bytes()


def test_an_interrupted_run_ends_with_the_same_weights(run, data, tiny_recipe, tmp_path, lose_second_epoch):
    """The second epoch is lost with its process; resuming repeats it and arrives at the same place."""

    out = tmp_path / "interrupted"
    lose_second_epoch(SetTraining, tiny_recipe, data, out)
    train_from_recipe(tiny_recipe, data, out, resume=True)
    # Not to the last bit: tensors from a file lie otherwise in memory, and sums are then taken in another order.
    resumed, whole = load_file(out / WEIGHTS), load_file(run / WEIGHTS)
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, atol=1e-6, rtol=1e-4)


def test_the_exported_model_answers_like_the_network(run, data, tmp_path):
    export_run(run, tmp_path / "model")
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert set(card["parts"]) == {"trunk", "proposer"}
    cropper = Cropper(tmp_path / "model")
    model = load_trained(run).model
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    proposals = cropper.model.encode(image, (64, 48)).proposals()
    with torch.no_grad():
        prediction = model(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    expected = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1, 0]).clamp(0, 1).numpy()
    np.testing.assert_allclose(proposals.boxes_xyxy[:6], expected, atol=1e-4)
    validity = prediction.logits[-1, 0].sigmoid().numpy()
    np.testing.assert_allclose(proposals.weights[:6] * 2, validity / validity.sum(), atol=1e-4)
    assert len(cropper.suggest(data / "fcdb" / "train" / "images" / "8.png", n=2).crops) == 2


def test_a_teacher_joins_in_its_epoch_and_moves_with_the_student(data, tiny_recipe, tmp_path, monkeypatch):
    seen = []
    terms = SetTraining._terms

    def watch(self, prediction, batch):
        seen.append((self.current_epoch, self.distilling))
        return terms(self, prediction, batch)

    monkeypatch.setattr(SetTraining, "_terms", watch)
    overrides = {"smoothing": "distillation", "distil_from": "1"}
    train_from_recipe(tiny_recipe, data, tmp_path / "sd", overrides=overrides)
    assert sorted(set(seen)) == [(0, False), (1, True)]
    checkpoint = torch.load(tmp_path / "sd" / "last.ckpt", weights_only=True)["state_dict"]
    taught = {name for name in checkpoint if name.startswith("teacher.")}
    assert {"model." + name.removeprefix("teacher.") for name in taught} == set(checkpoint) - taught


def test_people_s_ratings_guide_the_labels_when_asked(data, tiny_recipe, tmp_path):
    overrides = {"smoothing": "quality", "quality_low": "0.2", "quality_high": "0.8", "epochs": "1"}
    train_from_recipe(tiny_recipe, data, tmp_path / "qg", overrides=overrides)
    with pytest.raises(UsageError, match="quality guidance starts at the score 2, but the best crop has 1"):
        train_from_recipe(tiny_recipe, data, tmp_path / "bad", overrides={"smoothing": "quality"})


def test_an_unreadable_photo_does_not_end_the_run(data, tiny_recipe, tmp_path, caplog):
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    (copy / "fcdb" / "train" / "images" / "9.png").write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        train_from_recipe(tiny_recipe, copy, tmp_path / "run", overrides={"epochs": "1"})
    assert "9.png" in caplog.text
    assert (tmp_path / "run" / WEIGHTS).is_file()


def test_a_loss_that_is_not_finite_stops_with_the_photos_names(data, tiny_recipe, tmp_path, monkeypatch):
    from cadrage.training.systems.set_prediction.loss import SetLoss

    monkeypatch.setattr(SetLoss, "total", lambda self, terms: terms["class"] * float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"step 0, photos images/\d+\.png, .*loss is not finite"):
        train_from_recipe(tiny_recipe, data, tmp_path / "run")


def test_changed_data_are_noticed_when_resuming(run, data, tiny_recipe, tmp_path):
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    shutil.copytree(run, tmp_path / "run")
    with (copy / "fcdb" / "train" / "metadata.jsonl").open("a") as manifest:
        manifest.write("\n")
    with pytest.raises(UsageError, match="fcdb/train: the data have changed"):
        train_from_recipe(tiny_recipe, copy, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"smoothing": "both"}, "unknown smoothing 'both'; there are none, quality, distillation"),
        ({"train": "fcdb/train"}, "expected FOLDER:SPLIT such as fcdb/train:fit"),
        ({"good_score": "4"}, "set the threshold of the recipe to the scale of the data"),
        ({"smoothing": "distillation"}, "distil_from 40 is not before the last of 2 epochs"),
        ({"train": "gone:fit"}, "gone"),
        ({"backbone_weights": "gone.safetensors"}, "gone.safetensors"),
    ],
)
def test_what_cannot_be_trained_is_told(data, tiny_recipe, tmp_path, overrides, message):
    with pytest.raises(UsageError, match=message):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=overrides)


def test_an_unknown_model_is_named(data, tmp_path):
    (tmp_path / "r.toml").write_text('model = "x"')
    with pytest.raises(UsageError, match="no model 'x'; there are default, set-prediction"):
        train_from_recipe(tmp_path / "r.toml", data, tmp_path / "run")


class SmallMap(nn.Sequential):
    """A backbone that tells places apart without ever having been trained."""

    channels, stride = 32, 8

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 32, 8, 8), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU())


def test_eight_photos_can_be_learnt_by_heart(data, tiny_recipe):
    """If matching, boxes or validity were wrong anywhere, the most valid proposal would not become the label."""
    torch.manual_seed(0)
    recipe = replace(read_recipe(tiny_recipe), flip=False, jitter=0.0)
    records = select_photos(data, recipe.train)
    samples = SetSamples(records, make_targets(records, recipe), recipe, augmented=False)
    batch = collate([samples[(0, index)] for index in range(len(records))])
    assert batch is not None
    model = SetPredictor(
        SmallMap(), width=32, heads=2, encoder_layers=1, decoder_layers=2, hidden=64, anchors=6, dropout=0.0
    )
    module = SetTraining(model, recipe, 1, records)
    steps = 700
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    losses = []
    for _ in range(steps):
        total = module.loss.total(module._terms(model(batch.image), batch))
        losses.append(total.item())
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimiser.step()
        schedule.step()
    assert losses[-1] < 0.05 * losses[0]
    prediction = model.eval()(batch.image)
    best = prediction.logits[-1].argmax(dim=1)
    boxes = prediction.boxes_cxcywh[-1][torch.arange(len(best)), best]
    truth = torch.cat([each.good_boxes_cxcywh for each in batch.targets])
    assert iou(cxcywh_to_xyxy(boxes), cxcywh_to_xyxy(truth)).min() > 0.85
