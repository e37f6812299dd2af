"""What went wrong in one run costs neither the other runs nor numbers that are there, and no test photo is learned."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.papers import chain, grid_anchor
from cadrage.papers.chain import carry_out, remembered
from cadrage.papers.grid_anchor import PAPER, lay_out
from cadrage.papers.paper import Places, Training
from cadrage.papers.plan import Run, choose
from cadrage.papers.report import text, values
from cadrage.training.engine.record import RECORD, WEIGHTS

TEST_PHOTO, VALIDATION_PHOTO = "images/4.png", "images/2.png"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def places(grid_places, tmp_path) -> Places:
    return Places(*grid_places, tmp_path / "out")


@pytest.fixture
def find(places) -> Callable[[str], Run]:
    return lambda letter: choose(PAPER.plan(places.recipes).runs, [letter])[0]


@pytest.fixture
def report(places) -> Callable:
    """A function that lays out one run beside the others, of which there are no data."""

    def lay(training: Training):
        runs = PAPER.plan(places.recipes).runs
        return lay_out([training, *(Training(run, reason="no data") for run in runs if run.letter != "M")], places)

    return lay


@pytest.fixture
def go(find, places, said, monkeypatch) -> Callable[..., Training]:
    def refuse(*arguments, **settings):
        raise AssertionError("neither a finished run nor one that cannot be measured is trained")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)
    return lambda letter="M": carry_out(PAPER, find(letter), None, places, said.append)


def write(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def split(data: Path, name: str) -> Path:
    return data / "gaicd-v2" / "splits" / f"{name}.txt"


@pytest.mark.parametrize("learned", ["train", "val"])
def test_test_photos_are_looked_for_before_anything_is_trained(grid_places, go, said, tmp_path, learned):
    write(split(grid_places[0], learned), TEST_PHOTO + "\n")
    outcome = go()
    assert outcome.failed and "gaicd-v2:test: 1 of its photos such as" in outcome.reason
    assert "4.png are trained or chosen on; mend the splits" in outcome.reason
    assert said == [] and not (tmp_path / "out" / "runs").exists()


def test_validation_photos_may_choose_the_epoch_but_not_teach(grid_places, go, finished_grid):
    write(split(grid_places[0], "train"), VALIDATION_PHOTO + "\n")
    finished_grid("MI")
    outcome = go("MI")
    assert outcome.failed and "gaicd-v2:val: 1 of its photos such as" in outcome.reason


def test_mended_splits_do_not_pass_off_weights_that_have_seen_a_test_photo(grid_places, go, finished_grid):
    train_split = split(grid_places[0], "train")
    clean = train_split.read_text()
    write(train_split, TEST_PHOTO + "\n")
    folder = finished_grid("M")
    train_split.write_text(clean)
    outcome = go()
    assert outcome.failed and "gaicd-v2:train: other photos than" in outcome.reason and not outcome.tests
    assert str(folder) in outcome.reason and "move that folder away to train again" in outcome.reason


def test_other_test_photos_are_measured_anew(grid_places, go, finished_grid, said):
    finished_grid("M")
    assert go().tests["test"].n == 2 and not go().fresh
    said.clear()
    split(grid_places[0], "test").write_text(TEST_PHOTO + "\n")
    assert go().tests["test"].n == 1
    assert said == ["mobilenet-v2: measuring on gaicd-v2:test"]


def test_numbers_from_before_photos_were_compared_are_measured_again(go, find, finished_grid, places, tmp_path):
    finished_grid("M")
    first = go()
    file = tmp_path / "out" / "measured" / "mobilenet-v2.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 1}))
    assert remembered(PAPER, find("M"), None, places).reason == "run M was not asked for"
    again = go()
    assert again.fresh and again.tests == first.tests


@pytest.mark.parametrize("content", ["[]", '{"version": 2}', '{"version": 2, "tests": {"test": {"n": "many"}}}'])
def test_damaged_numbers_are_measured_again(go, finished_grid, tmp_path, content):
    finished_grid("M")
    first = go()
    (tmp_path / "out" / "measured" / "mobilenet-v2.json").write_text(content)
    again = go()
    assert again.fresh and again.tests == first.tests


@pytest.mark.parametrize(
    "error", [FloatingPointError("loss is not\nfinite"), ValueError("not\na number"), IndexError("no crop")]
)
def test_any_failure_of_measuring_is_the_failure_of_one_run(go, finished_grid, monkeypatch, error):
    def fail(*arguments, **settings):
        raise error

    finished_grid("M")
    monkeypatch.setattr(grid_anchor, "measure_ranking", fail)
    outcome = go()
    assert outcome.failed and outcome.reason == " ".join(str(error).split()) and not outcome.tests


def spoil_recipe(data: Path, recipes: Path) -> None:
    write(recipes / "gaicv2.toml", "crops = 8\n")


@pytest.mark.parametrize(
    ("spoil", "failed", "reason"),
    [
        (spoil_recipe, True, "with another recipe"),
        (lambda data, recipes: write(data / "gaicd-v2" / "metadata.jsonl", "\n"), True, "has changed since"),
        (lambda data, recipes: shutil.rmtree(data / "gaicd-v2"), False, "has no gaicd-v2"),
        (lambda data, recipes: (recipes / "gaicv2.toml").unlink(), True, "no such recipe"),
    ],
)
def test_a_run_that_cannot_be_done_again_keeps_its_numbers_beside_the_reason(
    grid_places, go, finished_grid, report, spoil, failed, reason
):
    finished_grid("M")
    first = go()
    spoil(*grid_places)
    outcome = go()
    assert outcome.tests == first.tests and not outcome.fresh
    assert outcome.failed == failed and reason in outcome.reason
    laid = report(outcome)
    (row,) = [line for line in text(laid).splitlines() if line.startswith("| M | mobilenet-v2 |")]
    assert reason in row and "; the numbers are of an earlier call |" in row and "2 of gaicd-v2:test" in row
    assert values(laid)["runs"][0]["tests"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / RECORD).write_text("{"), "not the record of a run"),
        (lambda folder: (folder / RECORD).write_text('{"recipe": {"colours": 3}}'), "of another version"),
        (lambda folder: (folder / RECORD).unlink(), "not the record of a run"),
    ],
)
def test_a_finished_run_without_a_usable_record_is_refused(go, finished_grid, spoil, reason):
    spoil(finished_grid("M"))
    outcome = go()
    assert outcome.failed and reason in outcome.reason and not outcome.tests


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('validate = ["gaicd-v2:Test"]\n', "trains or chooses on gaicd-v2:Test"),
        ('checkpoint = "gone.pth"\n', "gone.pth: no such weights"),
        ('train = ["gaicd-v2:fit"]\n', "no split 'fit'"),
    ],
)
def test_what_cannot_be_run_fails_with_a_reason_and_leaves_no_run(grid_places, go, tmp_path, more, reason):
    file = grid_places[1] / "gaicv2.toml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(more.partition(" ")[0])]
    file.write_text("\n".join(kept) + "\n" + more)
    outcome = go()
    assert outcome.failed and reason in outcome.reason and "\n" not in outcome.reason
    assert not (tmp_path / "out" / "runs").exists()


def test_unreadable_photos_are_named_below_the_tables(grid_places, go, finished_grid, report):
    finished_grid("M")
    (grid_places[0] / "gaicd-v2" / TEST_PHOTO).write_bytes(b"no photo")
    outcome = go()
    assert (outcome.tests["test"].n, outcome.tests["test"].unreadable) == (1, (TEST_PHOTO,))
    said = f"gaicd-v2:test: 1 photos could not be read and are not among the n: {TEST_PHOTO}."
    assert said in text(report(outcome))


def test_another_training_is_measured_anew(go, finished_grid):
    import torch
    from safetensors.torch import load_file, save_file

    folder = finished_grid("M")
    first = go()
    tensors = load_file(folder / WEIGHTS)
    save_file({name: torch.randn_like(each) for name, each in tensors.items()}, folder / WEIGHTS)
    again = go()
    assert again.fresh and again.tests != first.tests
