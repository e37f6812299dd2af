import builtins
import json
import subprocess
import sys
from pathlib import Path

import pytest


def row(stem, **changes):
    crops = [{"box": [0.1, 0.1, 0.9, 0.8], "score": 3.0}]
    pairs = [{"a": [0, 0, 0.5, 0.5], "b": [0.5, 0.5, 1, 1], "votes_a": 3, "votes_b": 2}]
    valid = {"file_name": f"images/{stem}.png", "width": 40, "height": 30, "crops": crops, "pairs": pairs}
    return valid | {"persons": [], "source": {}} | changes


@pytest.fixture
def manifest(tmp_path, picture, monkeypatch):
    """Makes the folder ``set`` in the current one, of rows or lines, with a photo for each row."""
    monkeypatch.chdir(tmp_path)

    def make(*rows):
        folder = Path("set")
        (folder / "images").mkdir(parents=True)
        lines = [each if isinstance(each, str) else json.dumps(each) for each in rows]
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for seed, each in enumerate(rows):
            if isinstance(each, dict):
                picture((40, 30), seed).save(folder / each["file_name"])
        return folder

    return make


def test_the_verbs_are_listed(cadrage):
    ran = cadrage("data")
    assert ran.code == 0
    assert all(verb in ran.out for verb in ("convert", "draw", "check", "stats", "split"))


@pytest.mark.parametrize("verb", ["convert", "draw", "check", "stats", "split"])
def test_every_verb_has_examples(cadrage, verb):
    ran = cadrage("data", verb, "--help")
    assert ran.code == 0
    assert f"$ cadrage data {verb} " in ran.out


def test_the_verbs_cost_nothing_until_they_run():
    code = "import sys, cadrage.cli.data; sys.exit(','.join({'numpy', 'PIL', 'matplotlib'} & set(sys.modules)) or 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_sound_data_set_passes(cadrage, manifest):
    ran = cadrage("data", "check", manifest(row("a"), row("b")))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "2 photos (2 of them found), 6 boxes: no errors, no notes\n"


def test_notes_alone_pass(cadrage, manifest):
    ran = cadrage("data", "check", manifest(row("a"), row("b", crops=[{"box": [0, 0, 1, 1.1], "score": 1}])))
    assert ran.code == 0
    assert "note: boxes that reach a little over the border (1) [clipped-box]" in ran.out
    assert "    metadata.jsonl:2: crop 0 by 0.1 of a side\n" in ran.out
    assert ran.out.endswith("no errors, 1 kind of note\n")


def test_errors_are_grouped_and_fail(cadrage, manifest):
    bad = [{"box": [0.5, 0, 0.5, 1], "score": None}]
    folder = manifest(*(row(f"p{number}", crops=bad) for number in range(8)), "{")
    ran = cadrage("data", "check", folder)
    assert (ran.code, ran.err) == (1, "")
    assert "error: boxes without area or with swapped corners (8) [empty-box]; correct or remove them" in ran.out
    assert ran.out.count("... and 3 more") == 2
    assert "metadata.jsonl:9: " in ran.out
    assert ran.out.endswith("3 kinds of errors, no notes\n")


def test_photos_may_be_left_out_of_the_check(cadrage, manifest):
    folder = manifest(row("a"), row("b"))
    for file in (folder / "images").iterdir():
        file.unlink()
    ran = cadrage("data", "check", folder)
    assert ran.code == 1
    assert "none of the photos is there (2) [no-photos]" in ran.out and "--no-photos" in ran.out
    ran = cadrage("data", "check", folder, "--no-photos")
    assert (ran.code, ran.out) == (0, "2 photos (photos not looked at), 6 boxes: no errors, no notes\n")


def test_findings_as_json(cadrage, manifest):
    ran = cadrage("data", "check", manifest(row("a", width=41)), "--format", "json", "--decode")
    content = json.loads(ran.out)
    assert (ran.code, ran.err, content["schema_version"]) == (1, "", "1.0")
    (finding,) = content["findings"]
    assert (finding["kind"], finding["level"], finding["count"]) == ("wrong-size", "error", 1)
    assert finding["examples"] == ["metadata.jsonl:1: images/a.png is 40 x 30, not 41 x 30"]


def test_names_cannot_steer_the_terminal(cadrage, manifest):
    folder = manifest(row("a"), json.dumps(row("\x1b[31mred")))
    ran = cadrage("data", "check", folder)
    assert ran.code == 1
    assert "\x1b" not in ran.out and r"\x1b[31mred" in ran.out


def test_statistics_as_text(cadrage, manifest):
    folder = manifest(row("a"), row("b", crops=[{"box": [0, 0, 1, 1], "score": 5}]))
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text("images/a.png\n")
    ran = cadrage("data", "stats", folder)
    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "photos 2" in lines and "crops 2" in lines and "pairs 2 with 10 votes" in lines
    assert any(line.startswith("train 1 ") for line in lines)
    assert "score 4 3 3.1 3.5 4 4.5 4.9 5" in lines
    assert f"3 1 {'#' * 40}" in lines


def test_statistics_of_a_split_as_json(cadrage, manifest):
    folder = manifest(row("a"), row("b"), row("c"))
    assert (
        cadrage("data", "split", folder, "--from", "all", "--take", 2, "--seed", 1, "--as", "x", "--rest", "y").code
        == 0
    )
    content = json.loads(cadrage("data", "stats", folder, "--split", "x", "--format", "json").out)
    assert (content["photos"], content["split"]["n"], len(content["splits"])) == (2, 2, 2)
    assert content["split"]["sha256"] == content["splits"][0]["sha256"]


def test_statistics_of_nothing(cadrage, manifest):
    ran = cadrage("data", "stats", manifest())
    assert (ran.code, ran.err) == (0, "")
    assert "photos    0" in ran.out


def test_the_drawing_is_written_once(cadrage, manifest, load):
    folder = manifest(row("a"))
    assert cadrage("data", "stats", folder, "--plot", "out.png").code == 0
    assert load("out.png").format == "PNG"
    Path("out.png").write_bytes(b"mine")
    ran = cadrage("data", "stats", folder, "--plot", "out.png")
    assert (ran.code, ran.out, Path("out.png").read_bytes()) == (1, "", b"mine")
    assert cadrage("data", "stats", folder, "--plot", "out.png", "--overwrite").code == 0
    assert load("out.png").format == "PNG"
    assert cadrage("data", "stats", folder, "--plot", "out.pdf").code == 2


def test_without_the_extra_the_message_says_what_to_install(cadrage, manifest, monkeypatch):
    real = builtins.__import__

    def without_matplotlib(name, *arguments, **settings):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *arguments, **settings)

    folder = manifest(row("a"))
    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    ran = cadrage("data", "stats", folder, "--plot", "out.png")
    assert (ran.code, Path("out.png").exists()) == (1, False)
    assert "pip install 'cadrage[eval]'" in ran.err and len(ran.err.splitlines()) == 1
    assert cadrage("data", "stats", folder).code == 0


def test_a_split_is_drawn_written_and_told(cadrage, manifest):
    folder = manifest(*map(row, "abcde"))
    arguments = ("data", "split", folder, "--from", "all", "--every", 3, "--seed", 7, "--as", "dev", "--rest", "fit")
    ran = cadrage(*arguments)
    assert (ran.code, ran.err) == (0, "")
    told = [line.split("\t") for line in ran.out.splitlines()]
    assert [(name, count, len(sha256)) for name, count, sha256 in told] == [("dev", "2", 64), ("fit", "3", 64)]
    names = [(folder / "splits" / f"{name}.txt").read_text().splitlines() for name in ("dev", "fit")]
    assert sorted(names[0] + names[1]) == [f"images/{stem}.png" for stem in "abcde"]
    again = cadrage(*arguments)
    assert (again.code, again.out) == (1, "")
    assert "it exists" in again.err and len(again.err.splitlines()) == 1
    assert cadrage("data", "check", folder).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "none"),
        ("check", "."),
        ("check", "set", "--format", "xml"),
        ("stats", "."),
        ("stats", "set", "--split", "none"),
        ("split", "set", "--from", "all", "--as", "x", "--rest", "y", "--seed", "1"),
        ("split", "set", "--from", "all", "--as", "x", "--rest", "y", "--seed", "1", "--take", "9"),
        ("split", "set", "--from", "all", "--as", "x", "--rest", "y", "--seed", "1", "--take", "1", "--every", "2"),
        ("split", "set", "--from", "all", "--as", "x", "--rest", "x", "--seed", "1", "--take", "1"),
        ("split", "set", "--from", "all", "--as", "x", "--rest", "y", "--take", "1"),
    ],
)
def test_wrong_usage(cadrage, manifest, arguments):
    folder = manifest(row("a"), row("b"))
    ran = cadrage("data", *arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert not (folder / "splits").exists()


def test_a_fault_is_named_with_the_command_that_finds_them_all(cadrage, manifest):
    ran = cadrage("data", "stats", manifest(row("a"), row("b", crops=[{"box": [0, 0, 0, 1], "score": 1}])))
    assert (ran.code, ran.out) == (2, "")
    assert "set/metadata.jsonl, line 2: crop 0 [0, 0, 0, 1] is empty" in ran.err
    assert "cadrage data check set" in ran.err
