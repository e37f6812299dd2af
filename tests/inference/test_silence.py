"""Nothing leaves and nothing is left behind: what the runtime does on its own is switched off before it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.inference import runtime

# By these the runtime knows that it is being tested and behaves; places of files other than the home folder.
UNSET = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "JENKINS_URL", "TMPDIR", *runtime.SWITCHES)

# Every place that a program may write to on its own, and every way of Python to open a socket or look up a name.
WATCHED = """
import os, sys
def watch(event, args):
    if event.startswith("socket."):
        raise SystemExit(f"opens a socket: {event} {args}")
sys.addaudithook(watch)
from cadrage.cli.app import main
code = main(sys.argv[1:])
if os.path.isdir("/proc/self/fd"):
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("socket:"):
            raise SystemExit(f"holds {target}")
sys.exit(code)
"""


def run(home: str, photo: Path, folder: Path, *, switches: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in UNSET and not name.startswith("XDG_")
    }
    environment |= {"HOME": home, "OMP_NUM_THREADS": "1"}
    if switches is not None:
        environment |= dict.fromkeys(runtime.SWITCHES, switches)
    command = [sys.executable, "-c", WATCHED, "suggest", str(photo), "--keep", "people"]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("switches", [None, "0", ""])
def test_a_run_leaves_nothing_behind_and_opens_no_socket(tmp_path: Path, photo: Path, switches: str | None) -> None:
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    done = run(str(home), photo, folder, switches=switches)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("{")
    assert list(home.rglob("*")) == []
    assert list(folder.rglob("*")) == []


@pytest.mark.parametrize("home", ["/proc/nobody", "/dev/null/home", ""])
def test_a_home_that_cannot_be_written_is_not_mentioned(tmp_path: Path, photo: Path, home: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    done = run(home, photo, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(folder.rglob("*")) == []


def test_the_runtime_is_loaded_by_one_module_only_and_after_it_was_silenced() -> None:
    code = """
import os, sys
def watch(event, args):
    if event == "import" and args[0] == "onnxruntime":
        print([os.environ.get(name) for name in sys.argv[1:]])
sys.addaudithook(watch)
import cadrage
assert "cadrage.inference.runtime" not in sys.modules
import cadrage.cli.app
assert "onnxruntime" not in sys.modules
from cadrage import Cropper
"""
    command = [sys.executable, "-c", code, *runtime.SWITCHES]
    environment = {name: value for name, value in os.environ.items() if name not in runtime.SWITCHES}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(["1"] * len(runtime.SWITCHES))]
