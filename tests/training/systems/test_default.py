import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cadrage.errors import UsageError
from cadrage.training.engine.record import CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.run import read_recipe, train_from_recipe
from cadrage.training.systems.default import split_data


@pytest.fixture(scope="module")
def finished(data: Path, recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_from_recipe(recipe_file, data, out)
    return out


def test_a_run_leaves_weights_log_and_record(finished: Path, recipe_file: Path) -> None:
    record = json.loads((finished / RECORD).read_text(encoding="utf-8"))
    assert record["recipe"] == read_recipe(recipe_file).to_dict()
    assert (record["photos_fit"], record["photos_dev"]) == (8, 2)
    assert len(record["manifests_sha256"]["fcdb/train"]) == 64
    assert (finished / CHECKPOINT).is_file()
    assert list((finished / "tensorboard").glob("events.*"))
    assert all(torch.isfinite(tensor).all() for tensor in load_file(finished / WEIGHTS).values())


def test_the_same_seed_gives_the_same_weights(finished: Path, data: Path, recipe_file: Path, tmp_path: Path) -> None:
    train_from_recipe(recipe_file, data, tmp_path / "again")
    first, second = load_file(finished / WEIGHTS), load_file(tmp_path / "again" / WEIGHTS)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_interrupted_run_continues_where_it_stopped(
    data: Path, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cadrage.training.systems.default import CropTraining

    begun: list[int] = []
    step = CropTraining.training_step

    def stop_in_second_epoch(self: CropTraining, batch: object, batch_index: int) -> object:
        begun.append(self.current_epoch)
        if self.current_epoch == 1 and len(begun) <= 3:
            raise RuntimeError("power cut")
        return step(self, batch, batch_index)  # type: ignore[arg-type]

    monkeypatch.setattr(CropTraining, "training_step", stop_in_second_epoch)
    with pytest.raises(RuntimeError, match="power cut"):
        train_from_recipe(recipe_file, data, tmp_path)
    assert not (tmp_path / WEIGHTS).exists()
    train_from_recipe(recipe_file, data, tmp_path, resume=True)
    assert begun == [0, 0, 1, 1, 1]
    assert (tmp_path / WEIGHTS).is_file()


def test_a_second_run_never_overwrites_the_first(finished: Path, data: Path, recipe_file: Path) -> None:
    with pytest.raises(UsageError, match="holds a run already"):
        train_from_recipe(recipe_file, data, finished)


def test_a_run_is_not_continued_with_another_recipe(finished: Path, data: Path, recipe_file: Path) -> None:
    with pytest.raises(UsageError, match="another recipe"):
        train_from_recipe(recipe_file, data, finished, resume=True, overrides={"epochs": "3"})


def test_nothing_to_resume_is_said(data: Path, recipe_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no last\.ckpt"):
        train_from_recipe(recipe_file, data, tmp_path, resume=True)


def test_no_held_out_photo_is_fitted(data: Path, recipe_file: Path) -> None:
    fit, dev = split_data(read_recipe(recipe_file), data)
    assert not {record.file for record in fit} & {record.file for record in dev}
    everything, same_dev = split_data(read_recipe(recipe_file, {"fit_on": "fit+dev"}), data)
    assert len(everything) == len(fit) + len(dev)
    assert [record.file for record in same_dev] == [record.file for record in dev]
