"""Two processes that share the photos of every batch end with the weights of one, whatever is trained."""

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
from cadrage.training.systems import system_of

# Dropout and noise are drawn by each process for itself, so they are left out of the comparison; the proposer of the
# default model has dropout that no recipe sets.
Places = dict[str, tuple[Path, Path]]

SETTINGS = {
    "set-prediction": {
        "learning_rate": "3e-3",
        "learning_rate_backbone": "1e-3",
        "dropout": "0",
        "average_decay": "0.9",
        "keep_best": "iou",
    },
    "default": {
        "evaluator_dropout": "0",
        "pair_noise": "0",
        "overlap_energy": "0",
        "edge_energy": "0",
        "consensus": "0",
        "keep_best": "pairs",
    },
    "human-centric": {"pairs": "1", "keep_best": "srcc"},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_two_processes_train_and_measure_like_one(kind: str, places: Places, tmp_path: Path) -> None:
    recipe_file, data = places[kind]
    settings = [option for key, value in SETTINGS[kind].items() for option in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "cadrage.cli", "train", str(recipe_file), "--data", str(data)]
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
    assert "cadrage: 2 processes share each batch" in done.stderr.splitlines()
    train_from_recipe(recipe_file, data, tmp_path / "one", overrides=SETTINGS[kind])
    one, two = (load_file(tmp_path / name / WEIGHTS) for name in ("one", "two"))
    recipe = read_recipe(recipe_file, SETTINGS[kind])
    torch.manual_seed(recipe.seed)
    begun = system_of(kind, recipe_file).start(recipe, data).state_dict()
    apart, moved = (
        sum((one[name] - other[name]).double().square().sum() for name in one) ** 0.5 for other in (two, begun)
    )
    # Sums over the photos of a batch are taken in another order.
    assert apart < 1e-3 * moved
    # Each process measured half of the validation photos, and the mean is over all of them.
    ours, theirs = (json.loads((tmp_path / name / BEST).read_text()) for name in ("one", "two"))
    assert theirs == ours | {"value": pytest.approx(ours["value"], abs=1e-4)}


def test_several_devices_need_a_batch_to_share(places: Places, tmp_path: Path) -> None:
    for recipe_file, data in places.values():
        with pytest.raises(UsageError, match="3 devices cannot share a batch of 4 photos evenly; use another number"):
            train_from_recipe(recipe_file, data, tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()
