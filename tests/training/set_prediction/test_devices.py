"""Two processes that share the photos of every batch end with the weights of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cadrage.errors import UsageError
from cadrage.training.engine.record import BEST, WEIGHTS
from cadrage.training.run import read_recipe, train_from_recipe
from cadrage.training.systems.set_prediction.system import build_set_predictor, start_set_predictor

pytestmark = [
    # Lightning's own advice and its use of parts of torch that are about to change; neither concerns our code.
    pytest.mark.filterwarnings("ignore::UserWarning:lightning.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Dropout is drawn by each process for itself, so it is left out of the comparison.
SETTINGS = {
    "learning_rate": "3e-3",
    "learning_rate_backbone": "1e-3",
    "dropout": "0",
    "average_decay": "0.9",
    "keep_best": "iou",
}


def test_two_processes_train_and_measure_like_one(data: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    settings = [option for key, value in SETTINGS.items() for option in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "cadrage.cli", "train", str(tiny_recipe), "--data", str(data)]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "two"), "--devices", "2", *settings],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "MEMBER: 2/2" in done.stderr
    train_from_recipe(tiny_recipe, data, tmp_path / "one", overrides=SETTINGS)
    one, two = (load_file(tmp_path / name / WEIGHTS) for name in ("one", "two"))
    recipe = read_recipe(tiny_recipe, SETTINGS)
    torch.manual_seed(recipe.seed)
    model = build_set_predictor(recipe)
    start_set_predictor(model, recipe, data)
    apart, moved = (
        sum((one[name] - other[name]).double().square().sum() for name in one) ** 0.5
        for other in (two, model.state_dict())
    )
    # Sums over the photos of a batch are taken in another order.
    assert apart < 1e-3 * moved
    # Each process measured half of the validation photos, and the mean is over all of them.
    ours, theirs = (json.loads((tmp_path / name / BEST).read_text()) for name in ("one", "two"))
    assert theirs == ours | {"value": pytest.approx(ours["value"], abs=1e-4)}


def test_several_devices_need_a_batch_to_share_and_a_model_that_can(
    data: Path, tiny_recipe: Path, recipe_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="3 devices cannot share a batch of 4 photos evenly; use another number"):
        train_from_recipe(tiny_recipe, data, tmp_path / "run", devices=3)
    with pytest.raises(UsageError, match="the model default is trained on one device; leave out --devices"):
        train_from_recipe(recipe_file, data, tmp_path / "run", devices=2)
    assert not (tmp_path / "run").exists()
