"""One Cropper in several processes: forked ones that inherit it, and others that it is sent to."""

import copy
import json
import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper, ModelError, Suggestions, UsageError
from cadrage.inference.subjects.detector import KINDS, Kind, Pixels, Subjects, nothing
from cadrage.inference.subjects.onnx_detector import OnnxDetector
from cadrage.inference.subjects.own import OwnDetector

PHOTO = np.random.default_rng(5).integers(0, 256, (60, 90, 3), dtype=np.uint8)
DETR = {"logits": np.full((1, 2, 80), 4.0), "pred_boxes": np.full((1, 2, 4), 0.5)}

# Every child leaves as a worker of a server does, with all that the interpreter does at its end. The alarm ends those
# that never would.
FORKS = """
import os, signal, sys, threading
import numpy as np
from cadrage import Cropper

folder, threads, detector, warm, depth, busy = sys.argv[1:]
photo = np.random.default_rng(5).integers(0, 256, (60, 90, 3), dtype=np.uint8)
cropper = Cropper(folder if folder == "default" else __import__("pathlib").Path(folder), threads=int(threads),
                  detector=detector)

def answer():
    found = cropper.suggest(photo, n=2, keep="people")
    return found.crops, found.subjects

expected = answer() if warm == "warm" else None
over = threading.Event()

def work():
    while not over.is_set():
        answer()

threads = [threading.Thread(target=work) for _ in range(int(busy))]
for thread in threads:
    thread.start()

def child(depth):
    number = os.fork()
    if number == 0:
        signal.alarm(60)
        if depth:
            child(depth - 1)
        assert expected is None or answer() == expected
        answer()
        sys.exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if code:
        over.set()
        sys.exit(f"a child ended with {code}")

try:
    for _ in range(3):
        child(int(depth))
finally:
    over.set()
    for thread in threads:
        thread.join()
assert expected is None or answer() == expected
"""


def run_forks(folder: object, threads: int, detector: str, warm: str, depth: int = 0, busy: int = 0) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKS, *map(str, (folder, threads, detector, warm, depth, busy))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")


@needs_fork
@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("warm", ["warm", "cold"])
def test_a_forked_process_answers_and_ends(threads: int, warm: str) -> None:
    run_forks("default", threads, "own", warm)


@needs_fork
def test_forks_of_forks_answer_and_end(model_folder: Path) -> None:
    run_forks(model_folder, 4, "own", "warm", depth=2)


@needs_fork
def test_a_fork_while_other_threads_are_at_work_answers_and_ends(model_folder: Path) -> None:
    run_forks(model_folder, 2, "own", "warm", busy=3)


@needs_fork
@pytest.mark.parametrize("warm", ["warm", "cold"])
def test_a_detector_in_a_file_goes_on_in_a_fork(
    model_folder: Path, tmp_path: Path, write_detector: Callable[..., Path], warm: str
) -> None:
    file = write_detector(tmp_path / "detr.onnx", DETR)
    run_forks(model_folder, 4, f"onnx:{file}", warm)


@needs_fork
def test_a_fork_needs_the_files_no_more(make_model: Callable[..., Path]) -> None:
    cropper = Cropper(make_model())
    expected = cropper.suggest(PHOTO).crops
    shutil.rmtree(cropper.model.card.folder)
    with warnings.catch_warnings():
        # Newer interpreters advise against it where there are threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        number = os.fork()
    if number == 0:
        os._exit(0 if cropper.suggest(PHOTO).crops == expected else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0


class Centre:
    """A detector of the caller's."""

    name = "centre"

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        return Subjects(np.array([[0.4, 0.4, 0.6, 0.6]]), ("person",), np.ones(1), self.name).of(*kinds)


def ask(cropper: Cropper) -> dict[str, Any]:
    return cropper.suggest(PHOTO, n=2, keep="people").to_dict()


def in_worker(workers: ProcessPoolExecutor, cropper: Cropper) -> dict[str, Any]:
    return workers.submit(cropper.suggest, PHOTO, n=2, keep="people").result().to_dict()


@pytest.fixture(scope="module")
def workers() -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("kind", ["own", "none", "onnx", "onnx object", "own object", "centre"])
def test_a_cropper_can_be_sent_to_a_worker(
    workers: Any, model_folder: Path, tmp_path: Path, write_detector: Callable[..., Path], kind: str, warm: bool
) -> None:
    file = write_detector(tmp_path / "detr.onnx", DETR)
    detector = {
        "onnx": lambda: f"onnx:{file}",
        "onnx object": lambda: OnnxDetector(file),
        "own object": lambda: OwnDetector(),
        "centre": Centre,
    }.get(kind, lambda: kind)()
    cropper = Cropper(model_folder, threads=1, detector=detector)
    if warm:
        ask(cropper)
    twice = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(cropper))))
    copies = [copy.deepcopy(cropper), copy.copy(cropper), twice]
    expected = ask(cropper)
    # Of the caller's own class, a worker of these tests knows nothing.
    assert kind == "centre" or in_worker(workers, cropper) == expected
    assert [ask(each) for each in copies] == [expected] * 3
    assert all(each.model.threads == 1 for each in copies)


def test_a_name_is_found_by_name_and_a_folder_from_any_folder(
    workers: Any,
    model_folder: Path,
    tmp_path: Path,
    write_detector: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = pickle.dumps(Cropper("default", threads=1))
    assert len(packed) < 2000
    assert b"weights/default" not in pickle.dumps(Cropper("default").__getstate__()["_named"])
    write_detector(model_folder.parent / "detr.onnx", DETR)
    monkeypatch.chdir(model_folder.parent)
    for folder in (Path(model_folder.name), f"./{model_folder.name}"):
        cropper = Cropper(folder, detector="onnx:detr.onnx")
        packed, expected = pickle.dumps(cropper), ask(cropper)
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        with monkeypatch.context() as context:
            context.chdir(tmp_path / "elsewhere")
            assert ask(pickle.loads(packed)) == expected


def test_another_model_of_that_name_is_refused(workers: Any, make_model: Callable[..., Path]) -> None:
    cropper = Cropper(make_model())
    packed = pickle.dumps(cropper)
    make_model(scale_tilt=0.1)
    for where in (lambda: ask(pickle.loads(packed)), lambda: in_worker(workers, cropper)):
        with pytest.raises(ModelError, match=r"holds another one .* than the process that sent it here"):
            where()
    folder = make_model()
    part = folder / "proposer.onnx"
    card = json.loads((folder / "card.json").read_text())
    part.write_bytes((folder / "trunk.onnx").read_bytes())
    card["parts"]["proposer"]["sha256"] = card["parts"]["trunk"]["sha256"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="holds another one") as caught:
        ask(pickle.loads(packed))
    assert str(caught.value).isprintable()
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match=r"card\.json"):
        in_worker(workers, cropper)


def test_another_detector_of_that_name_is_refused(
    model_folder: Path, tmp_path: Path, write_detector: Callable[..., Path]
) -> None:
    file = write_detector(tmp_path / "detr.onnx", DETR)
    cropper = Cropper(model_folder, detector=f"onnx:{file}")
    ask(cropper)
    packed, alone = pickle.dumps(cropper), pickle.dumps(OnnxDetector(file))
    write_detector(file, {**DETR, "pred_boxes": np.full((1, 2, 4), 0.4)})
    with pytest.raises(ModelError, match="another network"):
        ask(pickle.loads(packed))
    with pytest.raises(ModelError, match="another network"):
        pickle.loads(alone)


def test_a_detector_that_cannot_be_sent_is_told(workers: Any, model_folder: Path) -> None:
    class Local(Centre):
        pass

    class Refusing(Centre):
        def __reduce__(self) -> str:
            raise RuntimeError("holds\na connection")

    for detector, reason in ((Local(), "centre"), (Refusing(), "holds a connection")):
        cropper = Cropper(model_folder, detector=detector)
        for send in (lambda: pickle.dumps(cropper), lambda: in_worker(workers, cropper)):  # noqa: B023
            with pytest.raises(UsageError, match=r"cannot be sent to another process.*in each process") as caught:
                send()
            assert str(caught.value).isprintable()
            assert reason in str(caught.value)


def test_auto_is_sent_with_both_models(
    workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_person_model: Callable[..., Path]
) -> None:
    from cadrage.inference import choice
    from cadrage.inference.store import packaged

    folder = write_person_model(tmp_path / "persons")
    monkeypatch.setattr(choice, "auto_folders", lambda offline: (packaged.folder(), folder))
    cropper = Cropper("auto")
    assert [model.card for model in pickle.loads(pickle.dumps(cropper)).models] == [
        model.card for model in cropper.models
    ]


def test_suggestions_come_back() -> None:
    found = Cropper("default", threads=1).suggest(PHOTO)
    assert isinstance(found, Suggestions)
    assert pickle.loads(pickle.dumps(found)).to_dict() == found.to_dict()
    assert nothing("x").source == "x"


def test_the_program_of_the_documentation_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operation.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for name in ("beach.jpg", "hill.jpg"):
        Image.fromarray(PHOTO).save(tmp_path / name)
    spawning = "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.set_start_method('spawn')\n"
    (tmp_path / "program.py").write_text(spawning + block)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("<Crop free #1: ") == 2
