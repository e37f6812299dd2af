"""Numbers of earlier calls count only where photos and ratings are still the same."""

import json
import shutil

import numpy as np
import pytest

from cadrage.papers.chain import remembered
from cadrage.papers.global_attention import DESCRIBED, PAPER
from cadrage.papers.names import RECIPES
from cadrage.papers.paper import Places, Training
from cadrage.papers.results import Measured, PhotoValues
from cadrage.papers.seeded.outcome import Outcome
from cadrage.papers.seeded.sections import apart_notes, decisions, sections

RUNS = {run.letter: run for run in PAPER.plan(RECIPES / "global-attention").runs}
DIFFERENCES = "What a change is worth, photo by photo"


def measured(mean, *, entries=("persons:val",), manifest="1", photos="1"):
    values = np.full(3, mean)
    metrics = dict.fromkeys(("srcc", "pcc", "acc5", "acc10", "cut"), values)
    found = PhotoValues(("a", "b", "c"), metrics, np.ones(3, np.bool_))
    return Measured(entries, found, {"persons": manifest}, photos)


def outcome(letter, *seeds, reasons=("", "", "")):
    trainings = (
        Training(RUNS[letter], seed, reason=reason, failed=bool(reason), tests={"val": each})
        for seed, (each, reason) in enumerate(zip(seeds, reasons, strict=False))
    )
    return Outcome(RUNS[letter], tuple(trainings))


@pytest.mark.parametrize("other", [{"manifest": "2"}, {"photos": "2"}, {"entries": ("persons:test",)}])
def test_seeds_of_other_photos_or_ratings_count_for_nothing(other):
    found = outcome("D4", measured(0.9), measured(0.1, **other), measured(0.8))
    assert list(found.by_seed("val")) == [0, 2] and found.left_out("val") == (1,)
    assert found.mean("val").estimate("srcc").mean == pytest.approx(0.85)
    (note,) = apart_notes([found])
    assert note.startswith("synthetic-full-1, val: measured by an earlier call on other photos or ratings")
    assert apart_notes([outcome("D4", measured(0.9), measured(0.1))]) == []


def test_a_training_that_could_not_be_done_again_does_not_stand_for_the_photos():
    failed = outcome("D4", measured(0.9, manifest="old"), measured(0.1), reasons=("has changed", ""))
    assert list(failed.by_seed("val")) == [1] and failed.left_out("val") == (0,)
    # Where all numbers are of earlier calls, they stay.
    failed = outcome("D4", measured(0.9), measured(0.1), reasons=("has changed", "has changed"))
    assert list(failed.by_seed("val")) == [0, 1]


@pytest.mark.parametrize("other", [{"manifest": "2"}, {"photos": "2"}])
def test_runs_of_other_photos_or_ratings_decide_nothing(other):
    full, base = outcome("D4", measured(0.9), measured(0.8)), outcome("D1", measured(0.5), measured(0.5))
    (decision,) = decisions(DESCRIBED, [full, base])
    assert decision["earned"] is True and DIFFERENCES in sections(DESCRIBED, [full, base])
    changed = outcome("D1", measured(0.5, **other), measured(0.5, **other))
    assert decisions(DESCRIBED, [full, changed]) == [] and DIFFERENCES not in sections(DESCRIBED, [full, changed])
    (note,) = apart_notes([base, full, changed])
    assert note.startswith("drawn photos, validation: ") and "these runs: D1, D4; D1. Nothing is compared" in note


def test_what_was_measured_of_says_so_when_it_is_read_again(tmp_path):
    run, places = RUNS["D4"], Places(tmp_path, tmp_path, tmp_path)
    file = places.measured(run.training(0))
    file.parent.mkdir()
    test = {
        "entries": ["persons:val"],
        "values": measured(0.5).values.to_dict(),
        "manifests_sha256": {"persons": "1"},
        "photos_sha256": "2",
    }
    file.write_text(json.dumps({"version": 1, "tests": {"val": test}}))
    found = remembered(PAPER, run, 0, places).tests["val"]
    assert found.same_photos(measured(0.1, photos="2")) and not found.same_photos(measured(0.1, photos="1"))
    # What does not say so is measured anew.
    for lacking in ("entries", "manifests_sha256", "photos_sha256"):
        less = {key: value for key, value in test.items() if key != lacking}
        file.write_text(json.dumps({"version": 1, "tests": {"val": less}}))
        assert remembered(PAPER, run, 0, places).reason == "not asked for"
    shutil.rmtree(file.parent)
    assert not remembered(PAPER, run, 0, places).tests
