"""Ctrl-C as a terminal sends it: to the command and its data workers, while they work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.record import CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.run import train_from_recipe

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups"),
]

# A process that was started in the background may have been told to ignore Ctrl-C; a terminal does not do that.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cadrage.cli.app import main
sys.exit(main(sys.argv[1:]))
"""
# More than it will ever see, so that it is interrupted and not finished, however fast the machine.
SETTINGS = {"epochs": "100000", "workers": "1"}
PATIENCE_S = 300


def test_an_interrupted_command_says_so_and_can_be_gone_on_with(rated_data, tiny_grid, tmp_path, monkeypatch):
    run = tmp_path / "run"
    options = [text for key, value in SETTINGS.items() for text in ("--set", f"{key}={value}")]
    command = [sys.executable, "-c", SCRIPT, "train", tiny_grid, "--data", rated_data, "--out", run, *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        _wait_for(run / CHECKPOINT, process)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, err[-3000:]
    assert "Traceback" not in err
    assert "interrupted; every file and line written so far is complete" in err
    assert {RECORD, CHECKPOINT} <= {file.name for file in run.iterdir()} and not (run / WEIGHTS).exists()

    begun_in = []

    class EnoughError(Exception):
        pass

    def note(self: EvaluatorTraining) -> None:
        begun_in.append(self.current_epoch)
        raise EnoughError

    monkeypatch.setattr(EvaluatorTraining, "on_train_epoch_start", note)
    with pytest.raises(EnoughError):
        train_from_recipe(tiny_grid, rated_data, run, overrides=SETTINGS, resume=True)
    assert begun_in[0] >= 1


def _wait_for(file: Path, process: "subprocess.Popen[str]") -> None:
    begun = time.monotonic()
    while not file.is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begun < PATIENCE_S, "the first epoch does not end"
        time.sleep(0.1)
