import json
import subprocess
import sys
from pathlib import Path

import pytest

FEW = ("--train", "3", "--val", "1", "--test", "2")


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_what_is_drawn_can_be_converted_and_nothing_is_wrong_with_it(cadrage, tmp_path):
    ran = cadrage("data", "draw", tmp_path / "drawn", *FEW, "--persons")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "schema_version": "1.0",
        "folder": str(tmp_path / "drawn"),
        "seed": 0,
        "photos": {"train": 3, "val": 1, "test": 2},
    }
    converted = cadrage("data", "convert", "gaicd", tmp_path / "drawn", tmp_path / "data" / "drawn")
    assert converted.code == 0 and json.loads(converted.out)["splits"] == {"test": 2, "train": 3, "val": 1}
    checked = cadrage("data", "check", tmp_path / "data" / "drawn", "--decode")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("6 photos (6 of them found)") and checked.out.endswith("no errors, no notes\n")


def test_a_seed_draws_the_same_photos_again_and_another_one_others(cadrage, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert cadrage("data", "draw", tmp_path / name, *FEW, "--seed", seed).code == 0
    a, b, c = (content(tmp_path / name) for name in "abc")
    assert a == b and len(a) == 12 and not a.items() & c.items()


@pytest.mark.parametrize(
    ("layout", "photos"),
    [
        ("gaicd", {"train": 2, "val": 1, "test": 1}),
        ("gaicd-v1", {"train": 2, "test": 1}),
        ("cpc", {"train": 3}),
        ("fcdb", {"train": 2, "test": 1}),
        ("flms", {"test": 3}),
    ],
)
def test_every_published_form_can_be_drawn_converted_and_checked(cadrage, tmp_path, layout, photos):
    counts = [word for split, count in photos.items() for word in (f"--{split}", count)]
    options = ("--layout", layout, *counts, "--sides", "64,96", "--persons")
    drawn = cadrage("data", "draw", tmp_path / "raw", *options)
    assert (drawn.code, drawn.err) == (0, "") and json.loads(drawn.out)["photos"] == photos
    converted = cadrage("data", "convert", layout.partition("-")[0], tmp_path / "raw", tmp_path / "data" / layout)
    found = json.loads(converted.out)
    assert converted.code == 0 and not found["left_out"]
    assert found["splits"] == ({} if layout == "cpc" else dict(sorted(photos.items())))
    checked = cadrage("data", "check", tmp_path / "data" / layout, "--decode")
    assert (checked.code, checked.err) == (0, "") and checked.out.endswith("no errors, no notes\n")
    assert cadrage("data", "draw", tmp_path / "again", *options).code == 0
    assert content(tmp_path / "raw") == content(tmp_path / "again")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layout", "cpc", "--test", "1"), "layout cpc: is published without test; there is train"),
        (("--layout", "flms", "--train", "1", "--val", "1"), "is published without train and val; there is test"),
        (("--layout", "flms", "--test", "0"), "0 photos"),
        (("--layout", "ava"), "ava"),
        (("--sides", "64"), "--sides 64: expected the shortest and the longest side in pixels such as 160,256"),
        (("--sides", "32,64"), "sides 32 to 64 px: expected at least 64 px"),
        (("--train", "-1"), "--train"),
        (("--train", "0", "--val", "0", "--test", "0"), "0 photos: a drawn data set has at least one"),
        (("--train", "100000"), "100000 photos for train: expected 0 to 99999"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_impossible_wishes_are_refused(cadrage, tmp_path, options, message):
    ran = cadrage("data", "draw", tmp_path / "drawn", *options)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    assert not (tmp_path / "drawn").exists()


def test_a_folder_in_use_is_left_alone(cadrage, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    ran = cadrage("data", "draw", tmp_path, *FEW)
    assert ran.code == 2 and "is not an empty folder; name another" in ran.err
    assert content(tmp_path) == {"notes.txt": b"mine"}


def test_help_has_examples_and_costs_nothing(cadrage):
    ran = cadrage("data", "draw", "--help")
    assert ran.code == 0 and "$ cadrage data draw drawn" in ran.out and "--persons" in ran.out
    code = "import sys, cadrage.cli.data_draw; sys.exit(','.join({'numpy', 'PIL'} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
