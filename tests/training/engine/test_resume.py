"""A run that is stopped within an epoch goes on there and ends as if nothing had happened."""

import json
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file
from torch import Tensor

from cadrage.cli.app import main
from cadrage.errors import UsageError
from cadrage.training.engine import checkpoints, loop
from cadrage.training.engine.module import SystemTraining
from cadrage.training.engine.record import BEST, CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.run import read_recipe, train_from_recipe
from cadrage.training.systems import system_of
from cadrage.training.systems.set_prediction.module import SetTraining

# Four steps an epoch, long enough that another order of the photos or other dropout would show in the weights.
SETTINGS = {"batch": "2", "epochs": "3", "drops": "2", "learning_rate": "3e-3", "learning_rate_backbone": "1e-3"}
STEPS = 4
# Largest distance of equal weights, as a share of the way that training went.
SAME = 1e-5

Places = dict[str, tuple[Path, Path]]
Seen = list[tuple[int, tuple[str, ...]]]


class Interruption(Callback):
    """Ctrl-C at the beginning of one step."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.at = (epoch, batch)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.at:
            raise KeyboardInterrupt


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int], None]]:
    """A function that lets the next run be interrupted, with a checkpoint after every step until then."""
    handler = signal.getsignal(signal.SIGINT)
    made = loop._callbacks

    def at(epoch: int, batch: int) -> None:
        monkeypatch.setattr(checkpoints, "CHECKPOINT_EVERY", timedelta(0))
        monkeypatch.setattr(loop, "_callbacks", lambda *them: [Interruption(epoch, batch), *made(*them)])

    yield at
    # The trainer ignores Ctrl-C from the first on, in this process too.
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The photos of every step, in order, with their epoch."""
    steps: Seen = []
    training_step = SystemTraining.training_step

    def watch(self: SystemTraining[Any], batch: Any, batch_index: int) -> Any:
        steps.append((self.current_epoch, batch.file_names))
        return training_step(self, batch, batch_index)

    monkeypatch.setattr(SystemTraining, "training_step", watch)
    return steps


def distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    assert ours.keys() == theirs.keys()
    return float(sum((ours[name] - theirs[name]).double().square().sum() for name in ours) ** 0.5)


def start(recipe_file: Path, data: Path) -> dict[str, Tensor]:
    recipe = read_recipe(recipe_file)
    torch.manual_seed(recipe.seed)
    return system_of(recipe.kind, recipe_file).start(recipe, data).state_dict()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("set-prediction", SETTINGS | {"workers": "1"}),
        ("set-prediction", SETTINGS | {"smoothing": "distillation", "distil_from": "1", "distil_keep": "0.9"}),
        (
            "set-prediction",
            SETTINGS | {"smoothing": "distillation", "distil_from": "0", "distil_keep": "0.9", "average_decay": "0.9"},
        ),
        ("default", {"batch": "2", "epochs": "3", "learning_rate_heads": "3e-3"}),
        ("human-centric", {"batch": "2", "epochs": "3", "pairs": "1", "pair_noise": "0.05"}),
    ],
    ids=["workers", "teacher", "teacher and average", "default", "human-centric"],
)
def test_an_interruption_within_an_epoch_changes_nothing(
    places: Places, tmp_path: Path, interrupt: Any, seen: Seen, kind: str, settings: dict[str, str]
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    recipe_file, data = places[kind]
    train_from_recipe(recipe_file, data, whole, overrides=settings)
    in_one_go = seen.copy()
    seen.clear()
    interrupt(1, 2)
    with pytest.raises(KeyboardInterrupt):
        train_from_recipe(recipe_file, data, stopped, overrides=settings)
    assert len(seen) == STEPS + 2 and not (stopped / WEIGHTS).exists()
    interrupt(-1, -1)
    train_from_recipe(recipe_file, data, stopped, overrides=settings, resume=True)
    assert seen == in_one_go
    for epoch in range(3):
        names = [name for of, step in seen if of == epoch for name in step]
        assert len(names) == len(set(names)) == 8
    # Equal to the last bit where sums are taken in the same order, which not every machine promises. The checkpoint
    # holds what has gone into the weights and will no more: teacher and average.
    begun = start(recipe_file, data)
    weights = [load_file(run / WEIGHTS) for run in (stopped, whole)]
    assert distance(*weights) < SAME * distance(weights[1], begun)
    last = [torch.load(run / CHECKPOINT, weights_only=True) for run in (stopped, whole)]
    for part in {"state_dict", "current_model_state"} & last[1].keys():
        assert distance(*(each[part] for each in last)) < SAME * distance(weights[1], begun)


def test_the_command_line_answers_ctrl_c_as_every_verb_does(
    data: Path, tiny_recipe: Path, tmp_path: Path, interrupt: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt(0, 1)
    assert main(["train", str(tiny_recipe), "--data", str(data), "--out", str(tmp_path / "run")]) == 130
    assert "interrupted; every file and line written so far is complete" in capsys.readouterr().err
    assert (tmp_path / "run" / CHECKPOINT).is_file()


def test_an_interrupted_validation_is_measured_again(
    data: Path, tiny_recipe: Path, tmp_path: Path, interrupt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of an epoch is not followed by a checkpoint before its validation."""
    interrupt(-1, -1)
    measured: list[int] = []

    def stop(self: SetTraining) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SetTraining, "on_validation_epoch_end", stop)
        train_from_recipe(tiny_recipe, data, tmp_path / "run")
    end = SetTraining.on_validation_epoch_end
    monkeypatch.setattr(
        SetTraining, "on_validation_epoch_end", lambda self: (measured.append(self.current_epoch), end(self))
    )
    train_from_recipe(tiny_recipe, data, tmp_path / "run", resume=True)
    assert measured == [0, 1]


def test_a_run_stopped_before_its_first_checkpoint_begins_again(
    data: Path, tiny_recipe: Path, tmp_path: Path, interrupt: Any, seen: Seen
) -> None:
    interrupt(0, 0)
    with pytest.raises(KeyboardInterrupt):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides={"epochs": "1", "drops": ""})
    assert not seen and not (tmp_path / "run" / CHECKPOINT).exists()
    interrupt(-1, -1)
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides={"epochs": "1", "drops": ""}, resume=True)
    assert len(seen) == 2 and (tmp_path / "run" / WEIGHTS).is_file()


def test_a_finished_run_stays_as_it_is(
    data: Path, tiny_recipe: Path, tmp_path: Path, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"epochs": "1", "drops": "", "average_decay": "0.9"}
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings)
    weights = (tmp_path / "run" / WEIGHTS).read_bytes()
    seen.clear()
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings, resume=True)
    assert not seen and (tmp_path / "run" / WEIGHTS).read_bytes() == weights
    assert "has finished already" in caplog.text
    # Interrupted between its last checkpoint and its weights, it writes the same ones: the average, not the last step.
    (tmp_path / "run" / WEIGHTS).unlink()
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings, resume=True)
    assert not seen and (tmp_path / "run" / WEIGHTS).read_bytes() == weights


def test_the_best_of_a_run_is_the_best_of_both_its_parts(
    data: Path, tiny_recipe: Path, tmp_path: Path, interrupt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.5, 0.3, 0.4])
    monkeypatch.setattr(
        "cadrage.training.systems.set_prediction.module.measure_sets", lambda *them: {"best10_iou": next(values)}
    )
    settings = SETTINGS | {"keep_best": "best10_iou"}
    interrupt(1, 2)
    with pytest.raises(KeyboardInterrupt):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings)
    interrupt(-1, -1)
    train_from_recipe(tiny_recipe, data, tmp_path / "run", overrides=settings, resume=True)
    assert json.loads((tmp_path / "run" / BEST).read_text()) == {"epoch": 0, "metric": "best10_iou", "value": 0.5}
    one = tmp_path / "one"
    train_from_recipe(tiny_recipe, data, one, overrides=SETTINGS | {"epochs": "1", "drops": ""})
    best, first = load_file(tmp_path / "run" / WEIGHTS), load_file(one / WEIGHTS)
    assert distance(best, first) < SAME * distance(first, start(tiny_recipe, data))


def changed_splits(data: Path, copy: Path) -> Path:
    import shutil

    shutil.copytree(data, copy)
    split = copy / "fcdb" / "train" / "splits" / "fit.txt"
    split.write_text("".join(split.read_text().splitlines(keepends=True)[1:]))
    return copy


def test_a_run_is_resumed_by_nothing_else(data: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "run", {"epochs": "1", "drops": ""}
    train_from_recipe(tiny_recipe, data, out, overrides=settings)
    with pytest.raises(UsageError, match=r"was begun with another recipe, which differs in anchors, seed; resume with"):
        train_from_recipe(tiny_recipe, data, out, overrides=settings | {"seed": "1", "anchors": "7"}, resume=True)
    with pytest.raises(
        UsageError, match=r"train: the splits name other photos than when .* was begun; start a new run"
    ):
        train_from_recipe(tiny_recipe, changed_splits(data, tmp_path / "data"), out, overrides=settings, resume=True)
    (out / RECORD).write_text("{")
    with pytest.raises(UsageError, match=r"run\.json: not the record of a run .*; start a new run"):
        train_from_recipe(tiny_recipe, data, out, overrides=settings, resume=True)
