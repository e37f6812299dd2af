"""A run's record says which weights it started from, and what these have seen."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cadrage.errors import ModelError, UsageError
from cadrage.models.default import CropModel
from cadrage.training.engine.record import RECORD
from cadrage.training.engine.start import find_model, started_from
from cadrage.training.run import train_from_recipe
from cadrage.training.systems.set_prediction.recipe import SetRecipe


def test_only_the_weights_that_are_used_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode())
    recipe = {"trunk_weights": "", "checkpoint": "b", "backbone_weights": "c", "quality_model": "unused"}
    assert started_from(SetRecipe(backbone_weights=""), tmp_path) == {}
    assert started_from(SetRecipe(**recipe), tmp_path) == {  # type: ignore[arg-type]
        "checkpoint": {"file": "b", "sha256": sha256(b"b").hexdigest()}
    }
    named = started_from(SetRecipe(**recipe | {"trunk_weights": "a"}), tmp_path)  # type: ignore[arg-type]
    assert named == {"trunk_weights": {"file": "a", "sha256": sha256(b"a").hexdigest()}}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"fcdb": "fcdb/train", "flms": "", "fit_on": "fit+dev"}, {"fcdb": "fcdb/train", "fit_on": "fit+dev"}),
        ({"train": ["fcdb/train:fit", "flms/a:fit"], "seed": 3}, {"train": ["fcdb/train:fit", "flms/a:fit"]}),
    ],
    ids=["default model", "set predictor"],
)
def test_a_trunk_tells_what_it_was_trained_on(tmp_path: Path, recipe: dict, said: dict) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / RECORD).write_text(json.dumps({"recipe": recipe}))
    found = started_from(SetRecipe(trunk_weights="model.safetensors"), tmp_path)
    assert found["trunk_weights"]["trained_on"] == said
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(UsageError, match=r"run\.json: not the record of a run; take the weights out of this folder"):
        started_from(SetRecipe(trunk_weights="model.safetensors"), tmp_path)


def test_a_model_is_looked_for_below_the_data_then_here_then_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, data = tmp_path / "here", tmp_path / "data"
    here.mkdir()
    monkeypatch.chdir(here)
    assert (find_model("default", data) / "card.json").is_file()
    with pytest.raises(ModelError, match="models/mine"):
        find_model("models/mine", data)
    for place in (here, data):
        (place / "models" / "mine").mkdir(parents=True)
        assert find_model("models/mine", data).resolve() == place / "models" / "mine"
    (data / "models" / "mine" / "card.json").write_bytes(b"{}")
    recipe = SetRecipe(backbone_weights="", smoothing="quality", quality_model="models/mine")
    assert started_from(recipe, data) == {"quality_model": {"file": "models/mine", "sha256": sha256(b"{}").hexdigest()}}


def test_a_run_is_resumed_with_the_weights_it_was_begun_with(data: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    copy, out, settings = (
        tmp_path / "data",
        tmp_path / "run",
        {"epochs": "1", "drops": "", "trunk_weights": "t.safetensors"},
    )
    shutil.copytree(data, copy)
    save_file(CropModel(proposer_width=16, anchors=4).state_dict(), copy / "t.safetensors")
    train_from_recipe(tiny_recipe, copy, out, overrides=settings)
    record = json.loads((out / RECORD).read_text())
    digest = sha256((copy / "t.safetensors").read_bytes()).hexdigest()
    assert record["started_from"] == {"trunk_weights": {"file": "t.safetensors", "sha256": digest}}
    torch.manual_seed(1)
    save_file(CropModel(proposer_width=16, anchors=4).state_dict(), copy / "t.safetensors")
    with pytest.raises(
        UsageError, match=r"trunk_weights: t\.safetensors has changed since .* was begun; start a new run"
    ):
        train_from_recipe(tiny_recipe, copy, out, overrides=settings, resume=True)
    # A run from before this was recorded.
    (out / RECORD).write_text(json.dumps({key: value for key, value in record.items() if key != "started_from"}))
    train_from_recipe(tiny_recipe, copy, out, overrides=settings, resume=True)
