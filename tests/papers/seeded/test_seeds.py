"""Several seeds: what is decided from them, and which numbers count for nothing."""

import json
import shutil

import numpy as np
import pytest


def test_the_plan_decides_on_validation_photos_over_seeds_without_the_upper_bound(finish, go, tmp_path):
    for letter in ("D1", "D4", "D5"):
        for seed in (0, 1):
            finish("global-attention", letter, seed)
    outcomes = go("global-attention", "D1", "D4", "D5", seeds=2).outcomes
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (decision,) = report["decisions"]
    assert decision["recipe"] == "synthetic"
    means = {
        letter: [float(each.metrics["srcc"].mean()) for each in outcomes[letter].by_seed("val").values()]
        for letter in ("D1", "D4")
    }
    gain, spread = np.mean(means["D4"]) - np.mean(means["D1"]), max(np.ptp(each) for each in means.values())
    srcc = decision["gains"][0]
    assert srcc["gain"] == pytest.approx(gain, abs=1e-5) and srcc["spread"] == pytest.approx(spread, abs=1e-5)
    assert srcc["beyond_spread"] is bool(gain > spread)
    assert decision["earned"] is all(each["beyond_spread"] for each in decision["gains"])
    differences = report["sections"]["What a change is worth, photo by photo"]
    assert {row["runs"] for row in differences} == {"4 minus 1"}
    # The upper bound is told apart and is a row of no table.
    assert {row["run"] for row in report["sections"]["An upper bound, no result"]} == {"D5"}
    assert not any("run D5" in row["measured"] for table in report["tables"] for row in table["rows"])
    assert [run["run"] for run in report["runs"] if run["no_result"]] == ["5", "D5"]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "seeds 0, 1" in report
    # One line says it for all seeds of what was not begun, every measured training has its own.
    assert "| 2 | gaicd-fusion-0, gaicd-fusion-1 | Importance map in the encoder | not run: not asked for |" in report
    assert report.count("| D4 | synthetic-full-") == 2
    # With one seed asked for, what was measured of the other stays.
    again, told, _ = go("global-attention", "D1", seeds=1)
    assert told == [] and len(again["D4"].by_seed("val")) == 2


def test_one_seed_of_each_decides_nothing(finish, go, tmp_path):
    for letter in ("D1", "D4"):
        finish("global-attention", letter)
    go("global-attention", "D1", "D4")
    (decision,) = json.loads((tmp_path / "out" / "report.json").read_text())["decisions"]
    assert decision["earned"] is None
    assert "not decided: it takes two seeds of both runs" in (tmp_path / "out" / "report.md").read_text()


def rate_anew(data) -> None:
    """Another rating of the first crop of every photo with persons."""
    file = data / "persons" / "metadata.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["crops"][0]["score"] += 0.5
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_seeds_that_are_not_asked_for_count_only_on_the_same_photos(finish, go, data, tmp_path):
    for seed in (0, 1):
        finish("global-attention", "D4", seed)
    go("global-attention", "D4", seeds=2)
    (data / "persons/splits/test.txt").write_text("images/4.png\n")
    outcomes, told, _ = go("global-attention", "D4", seeds=1)
    assert told == ["synthetic-full-0: measuring on persons:test"]
    assert list(outcomes["D4"].by_seed("val")) == [0, 1] and list(outcomes["D4"].by_seed("test")) == [0]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "synthetic-full-1, test: measured by an earlier call on other photos or ratings" in report
    # Once it is asked for again it counts again.
    outcomes, told, _ = go("global-attention", "D4", seeds=2)
    assert told == ["synthetic-full-1: measuring on persons:test"] and list(outcomes["D4"].by_seed("test")) == [0, 1]
    assert "other photos or ratings" not in (tmp_path / "out" / "report.md").read_text()


def test_nothing_is_decided_between_old_and_new_ratings(finish, go, data, tmp_path):
    for letter in ("D1", "D4"):
        for seed in (0, 1):
            finish("global-attention", letter, seed)
    go("global-attention", "D1", "D4", seeds=2)
    rate_anew(data)

    def train_again(letter: str, *seeds: int) -> dict:
        for seed in seeds:
            name = {"D1": "supervised", "D4": "full"}[letter]
            shutil.rmtree(tmp_path / "out" / "runs" / f"synthetic-{name}-{seed}")
            finish("global-attention", letter, seed)
        go("global-attention", letter, seeds=len(seeds))
        return json.loads((tmp_path / "out" / "report.json").read_text())

    report = train_again("D4", 0)
    assert report["decisions"] == [] and not any("What a change is worth" in each for each in report["sections"])
    assert any("these runs: D1; D4." in note for note in report["notes"])
    report = train_again("D1", 0)
    (decision,) = report["decisions"]
    # The second seeds are of the old ratings.
    assert decision["earned"] is None and all(gain["spread"] is None for gain in decision["gains"])
