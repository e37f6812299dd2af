"""The weights of a run are those of its best epoch where the recipe says by what epochs are judged."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cadrage.errors import UsageError
from cadrage.training.engine import checkpoints
from cadrage.training.engine.checkpoints import BEST_WEIGHTS, KeepBest
from cadrage.training.engine.record import BEST, WEIGHTS
from cadrage.training.run import train_from_recipe
from cadrage.training.systems.set_prediction.module import SetTraining

SETTINGS = {"epochs": "4", "learning_rate": "1e-3", "average_decay": "0.5", "keep_best": "ap85_k10"}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, torch.Tensor]]]:
    """A function that says what the epochs will be worth; the weights that each was measured with come back."""

    def worth(*values: float) -> list[dict[str, torch.Tensor]]:
        weights: list[dict[str, torch.Tensor]] = []
        remaining = iter(values)
        step = SetTraining.validation_step

        def watch(self: SetTraining, batch: object, batch_index: int) -> None:
            weights.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})
            step(self, batch, batch_index)  # type: ignore[arg-type]

        monkeypatch.setattr(SetTraining, "validation_step", watch)
        monkeypatch.setattr(
            "cadrage.training.systems.set_prediction.module.measure_sets", lambda *them: {"ap85_k10": next(remaining)}
        )
        return weights

    return worth


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("values", "best"),
    [((0.1, 0.4, 0.2, 0.3), 1), ((0.1, 0.4, 0.4, 0.3), 1), ((float("nan"), 0.1, float("nan"), 0.2), 3)],
    ids=["in the middle", "the first of equals", "not a number"],
)
def test_the_best_epoch_is_kept_as_it_was_measured(
    data: Path, tiny_recipe: Path, tmp_path: Path, measured: Callable[..., list], values: tuple[float, ...], best: int
) -> None:
    weights = measured(*values)
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=SETTINGS)
    said = json.loads((tmp_path / "run" / BEST).read_text())
    assert said == {"epoch": best, "metric": "ap85_k10", "value": pytest.approx(values[best])}
    kept = load_file(tmp_path / "run" / WEIGHTS)
    assert [same(kept, each) for each in weights] == [epoch == best for epoch in range(4)]
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "best.json",
        "last.ckpt",
        "model.safetensors",
        "run.json",
        "tensorboard",
    ]


def test_without_a_measure_the_last_epoch_is_kept_and_nothing_is_said(
    data: Path, tiny_recipe: Path, tmp_path: Path, measured: Callable[..., list]
) -> None:
    weights = measured(0.9, 0.1)
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=SETTINGS | {"keep_best": "", "epochs": "2"})
    assert same(load_file(tmp_path / "run" / WEIGHTS), weights[-1]) and not same(weights[0], weights[-1])
    assert not (tmp_path / "run" / BEST).exists() and not (tmp_path / "run" / BEST_WEIGHTS).exists()


def test_a_measure_that_does_not_exist_is_told_before_training(data: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"keep_best: 'ap' is not measured on fcdb/train:dev; choose one of iou, .*ap90_k40"
    ):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides={"keep_best": "ap"})
    assert not (tmp_path / "run").exists()


def test_an_interruption_between_the_two_files_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trainer:
        is_global_zero = True

        def __init__(self, epoch: int, value: float) -> None:
            self.current_epoch, self.callback_metrics = epoch, {"val/ap": torch.tensor(value)}

    class Module(torch.nn.Module):
        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.model = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
            self.model.weight.fill_(epoch)

    def end(epoch: int, value: float) -> None:
        callback, trainer, module = KeepBest("ap", tmp_path), Trainer(epoch, value), Module(epoch)
        callback.on_validation_epoch_end(trainer, module)  # type: ignore[arg-type]
        callback.on_validation_end(trainer, module)  # type: ignore[arg-type]

    def stop(*them: object, **others: object) -> None:
        raise KeyboardInterrupt

    for epoch, value in ((0, 0.25), (1, 0.5)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoints.json, "dumps", stop)
            end(epoch, value)
        end(epoch, value)
        end(epoch + 1, value / 2)
        said = json.loads((tmp_path / BEST).read_text())
        assert said == {"epoch": epoch, "metric": "ap", "value": value}
        assert load_file(tmp_path / BEST_WEIGHTS)["weight"].item() == epoch


def test_a_run_that_never_could_be_measured_says_so(
    data: Path, tiny_recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    for name in (copy / "fcdb" / "train" / "splits" / "dev.txt").read_text().split():
        (copy / "fcdb" / "train" / name).unlink()
    with pytest.raises(UsageError, match="no epoch could be measured, so none is best; check the validation photos"):
        train_from_recipe(tiny_recipe, copy, tmp_path / "run", overrides=SETTINGS | {"epochs": "1", "drops": ""})
    assert "epoch 0: no validation photo could be read, so it cannot be the best" in caplog.messages
