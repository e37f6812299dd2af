"""From the files as published to each paper's page and to crops, by the commands of the documentation alone.

Between the commands nothing is written or mended: no split, no manifest, no recipe. What ``--set`` changes makes the
networks and the photos small.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("onnx")

SMALL = ("epochs=1", "workers=0", "backbone=mobilenet-v2", "backbone_weights=", "longer_side_limit=96")
SET = (
    *("shorter_sides=[64]", "shorter_side_measured=64", "checkpoint=", "drops=[]"),
    *("width=16", "heads=2", "encoder_layers=1", "decoder_layers=2", "hidden=16"),
)
RATED = ("side=64", "crops=6")


@dataclass(frozen=True)
class Trial:
    """Runs of a paper, what is changed in them, and the photos that each is to be measured on."""

    paper: str
    changes: tuple[str, ...]
    measured: dict[str, dict[str, int]]
    more: tuple[str, ...] = ()
    exported: bool = True

    @property
    def options(self) -> list[str]:
        """As they are typed."""
        changes = [word for change in (*SMALL, *self.changes) for word in ("--set", change)]
        return ["--only", ",".join(self.measured), *changes, *self.more]


CPC_TESTS = {"persons": 7, "fcdb": 3, "flms": 4}
# The boxes of published work are twenty times as many.
FEW = ("--candidates", "gaic")
TRIALS = (
    Trial(
        "set-prediction",
        SET,
        {"A": {"test": 3}, "H": {"test": 3}, "I": {"val": 1, "flms:test": 4}},
    ),
    # The teacher needs an epoch before it, and the network is that of the others.
    Trial(
        "set-prediction",
        (*SET, "epochs=2", "distil_from=1"),
        {"C": {"test": 3}, "J": {"val": 1, "flms:test": 4}},
        exported=False,
    ),
    Trial("grid-anchor", RATED, {"M": {"val": 2, "test": 3}, "MI": {"val": 2}, "1M": {"test": 3}}),
    Trial(
        "human-centric",
        RATED,
        {"A": {"val": 1, "test": 3}, "CP": CPC_TESTS, "DA": {"val": 2, "test": 2}},
        ("--seeds", "1", *FEW),
    ),
    Trial(
        "global-attention",
        RATED,
        {"4": {"val": 1, "test": 3}, "C6": CPC_TESTS, "D1": {"val": 2, "test": 2}},
        ("--seeds", "1", *FEW),
    ),
)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.paper}-{'-'.join(trial.measured)}")
def test_a_paper_is_reproduced_from_raw_files_and_crops_photos(cadrage, raw, data, report, tmp_path, trial):
    out = tmp_path / "out"
    arguments = ("reproduce", trial.paper, "--data", data, "--out", out, *trial.options)
    reproduced = cadrage(*arguments)
    assert reproduced.code == 0, reproduced.err
    found = {run["run"]: numbers_of(run) for run in report(out)["runs"]}
    assert {letter: found[letter] for letter in trial.measured} == trial.measured
    assert sum(bool(each) for each in found.values()) == len(trial.measured)
    assert reproduced.out.strip() == (out / "report.md").read_text().strip() and (out / "report.html").is_file()
    expect_own_numbers_alone(report(out), trial)
    # What is done is not done again.
    assert cadrage(*arguments).err.splitlines() == [f"cadrage: note: the report is {out / 'report.html'}"]
    # The runs of a trial share a network, and writing one takes longer than training it.
    if trial.exported:
        expect_crops(cadrage, min((out / "runs").iterdir()), raw, tmp_path / "model")
    for folder in data.iterdir():
        checked = cadrage("data", "check", folder)
        assert checked.code == 0, checked.out


def numbers_of(run: dict) -> dict[str, int]:
    """On how many photos of each test a run was measured; of a run with seeds, its first."""
    tests = run["tests"] if "tests" in run else run["trainings"][0]["tests"]
    return {name: test["n"] for name, test in tests.items()}


def expect_own_numbers_alone(report: dict, trial: Trial) -> None:
    assert report["changes"].items() >= {"epochs": "1" if "epochs=2" not in trial.changes else "2"}.items()
    cells = [cell for table in report["tables"] for row in table["rows"] for cell in row["cells"]]
    assert any("ours" in cell for cell in cells)
    assert not any({"published", "difference"} & cell.keys() for cell in cells)
    assert not report.get("claims")


def expect_crops(cadrage: Callable, run: Path, raw: Path, model: Path) -> None:
    """The run is a model after ``export``, and ``suggest`` finds crops with it."""
    exported = cadrage("export", run, model)
    assert exported.code == 0, exported.err
    for photo in photos(raw):
        suggested = cadrage("suggest", photo, "--model", model, "-n", "2")
        assert suggested.code == 0, suggested.err
        answer = json.loads(suggested.out)
        card = json.loads((model / "card.json").read_text())
        assert answer["crops"] and answer["model"]["name"] == card["name"]


def photos(raw: Path) -> Sequence[Path]:
    """One wide photo and one high one."""
    return sorted((raw / "flms" / "image").iterdir())[:2]


def test_the_test_of_flms_is_all_of_it(cadrage, data, tmp_path):
    files = [tmp_path / "whole.json", tmp_path / "test.json"]
    for file, split in zip(files, ((), ("--split", "test")), strict=True):
        asked = ("eval", "flms", "--data", data / "flms", "--baseline", "centre-0.9", "--json", file, *split)
        ran = cadrage(*asked)
        assert ran.code == 0, ran.err
    whole, test = (json.loads(file.read_text()) for file in files)
    assert numbers(whole) == numbers(test) and len(numbers(test)) > 1


def numbers(saved: object) -> list[float]:
    """Every number of a result, in order, but for how long it took."""
    if isinstance(saved, dict):
        return [each for key, value in saved.items() if "seconds" not in key for each in numbers(value)]
    if isinstance(saved, list):
        return [each for value in saved for each in numbers(value)]
    return [saved] if isinstance(saved, int | float) and not isinstance(saved, bool) else []
