"""A slice of the fuzzing that runs for minutes by hand, and that it is able to find something."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


fuzz_photos, corpus = load("fuzz_photos"), load("corpus")
Outcome = fuzz_photos.Outcome


def test_mutated_pictures_are_answered_or_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "fuzz_photos.py"), "--seconds", "20", "--seed", "1", "--keep", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert "answered" in ran.stdout and "refused" in ran.stdout


def test_every_picture_of_the_corpus_is_answered_as_it_is() -> None:
    from cadrage import open_photo

    pictures = dict(corpus.corpus())
    assert len(pictures) >= 28
    for name, content in pictures.items():
        photo = open_photo(content, name=name)
        assert photo.model_input(32).shape == (32, 32, 3)


def test_the_inputs_of_a_seed_are_always_the_same() -> None:
    inputs = [("a", bytes(range(200))), ("b", bytes(1000))]
    first, again, other = ([fuzz_photos.mutated(inputs, seed, case) for case in range(50)] for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert sum(data not in (content for _, content in inputs) for _, data in first) > 40


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(0, "png", "raised KeyError: 1"), "raised KeyError"),
        (Outcome(0, "png", "no answer, exit status -11"), "no answer"),
        (Outcome(0, "png", "answered", seconds=5.1), "5.1 s of processor time"),
        (Outcome(0, "png", "refused", peak_bytes=1_100_000_000), "1100 MB"),
        (Outcome(0, "png", "refused", stderr="LZWDecode: Not enough data"), "wrote to stderr"),
    ],
)
def test_what_counts_as_a_failure(outcome: Outcome, told: str) -> None:
    assert told in outcome.failure


@pytest.mark.parametrize("result", ["answered", "refused"])
def test_what_counts_as_none(result: str) -> None:
    assert Outcome(0, "png", result, seconds=1.0, peak_bytes=500_000_000).failure is None
