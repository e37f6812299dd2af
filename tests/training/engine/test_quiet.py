"""A run as a user starts it says what concerns the user, in lines of ours, and nothing on stdout."""

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from cadrage.training.engine.quiet import framework_quiet


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cadrage.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_training_and_export_are_quiet(data: Path, recipe_file: Path, tmp_path: Path) -> None:
    trained = run("train", recipe_file, "--data", data, "--out", tmp_path / "run")
    assert (trained.returncode, trained.stdout) == (0, "")
    lines = trained.stderr.splitlines()
    assert [line.rpartition(": ")[0] for line in lines] == ["cadrage: epoch 1 of 2", "cadrage: epoch 2 of 2"]
    assert all("loss " in line and "val/iou " in line for line in lines)
    again = run("train", recipe_file, "--data", data, "--out", tmp_path / "run", "--resume")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.startswith("cadrage: warning: ") and again.stderr.count("\n") == 1
    exported = run("export", tmp_path / "run", tmp_path / "model")
    assert (exported.returncode, exported.stdout, exported.stderr) == (0, "", "")
    answered = run("suggest", data / "fcdb/train/images/7.png", "--model", tmp_path / "model", "-n", "1")
    assert (answered.returncode, answered.stderr) == (0, "")


def test_only_listed_remarks_are_left_out() -> None:
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    with framework_quiet():
        assert not logger.isEnabledFor(logging.INFO) and logger.isEnabledFor(logging.WARNING)
        warnings.warn("Checkpoint directory /x exists and is not empty.", UserWarning, stacklevel=1)
        with pytest.warns(UserWarning, match="something else"):
            warnings.warn("something else", UserWarning, stacklevel=1)
    assert logger.level == level
