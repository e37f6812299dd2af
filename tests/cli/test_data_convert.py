import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

SIZE = (120, 90)
LINES = "4 5 64 85 3.00\n11 15 71 95 4.14\n4 5 64 115 -2.00\n"


@pytest.fixture
def gaicd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder holds ``gaicd`` with 12 photos."""
    monkeypatch.chdir(tmp_path)
    for folder in ("images", "annotations"):
        Path("gaicd", folder).mkdir(parents=True)
    for index in range(12):
        Image.new("RGB", SIZE).save(f"gaicd/images/{index:02}.jpg", comment=str(index).encode())
        Path(f"gaicd/annotations/{index:02}.txt").write_text(LINES)
    return Path("gaicd")


def test_counts_go_to_stdout_as_json_and_to_stderr_as_a_table(cadrage, gaicd):
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert ran.code == 0
    (line,) = ran.lines
    assert line["folder"] == "out" and line["dataset"] == "gaicd"
    assert (line["photos"], line["crops"], line["dropped"], line["faults"]) == (12, 24, {"crop-unrated": 12}, 0)
    assert ran.err.splitlines() == [
        "gaicd in out",
        "12  photos",
        "24  crops",
        "12  dropped: crops that nobody rated (score -2)",
        "12  text files of another length than the 90 lines of GAICD: cut off, unless they are your own",
        "next: cadrage data check out",
    ]
    assert cadrage("data", "check", "out").code == 0


def test_faults_are_told_a_few_times_and_then_counted(cadrage, gaicd):
    for index in range(11):
        Path(gaicd, f"images/{index:02}.jpg").write_bytes(b"x")
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert ran.code == 1
    (line,) = ran.lines
    assert (line["photos"], line["left_out"], line["faults"]) == (1, {"unreadable-photo": 11}, 11)
    errors = [line for line in ran.err.splitlines() if line.startswith("cadrage: error: ")]
    assert len(errors) == 11 and "images/00.jpg" in errors[0] and "and 1 more of this kind" in errors[-1]


def test_a_malformed_line_is_one_message_with_file_and_line(cadrage, gaicd):
    Path(gaicd, "annotations/03.txt").write_text("4 5 64 85 3\n4 5 64\n")
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert ran.code == 1
    first, *others = ran.err.splitlines()
    assert first == "gaicd in out"
    (fault,) = [line for line in others if line.startswith("cadrage: ")]
    assert fault.startswith("cadrage: error: annotations/03.txt, line 2: expected the five numbers")


def test_a_folder_without_photos_is_told_at_once(cadrage, gaicd):
    for photo in Path(gaicd, "images").iterdir():
        photo.unlink()
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert line.startswith("cadrage: error: gaicd: no photo could be converted (12 missing-photo); put the photos into")
    assert "; the first: " in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("imagenet", "gaicd", "out"),
        ("gaicd", "none", "out"),
        ("gaicd", "gaicd"),
        ("gaicd", "gaicd", "gaicd/out"),
        ("cpc", "gaicd", "out"),
        ("gaicd", "gaicd", "out", "--photos", "move"),
        ("gaicd", "gaicd", "out", "--workers", "0"),
    ],
)
def test_wrong_usage_writes_nothing(cadrage, gaicd, arguments):
    ran = cadrage("data", "convert", *arguments)
    assert (ran.code, len(ran.err.splitlines()), ran.out) == (2, 1, "")
    assert sorted(path.name for path in Path().iterdir()) == ["gaicd"]
    assert sorted(path.name for path in gaicd.iterdir()) == ["annotations", "images"]


def test_a_finished_data_set_is_replaced_only_when_allowed(cadrage, gaicd):
    first = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert cadrage("data", "convert", "gaicd", gaicd, "out").code == 2
    again = cadrage("data", "convert", "gaicd", gaicd, "out", "--overwrite")
    assert (again.code, again.out) == (0, first.out)


def test_photos_of_another_size_are_refused(cadrage, gaicd):
    for photo in Path(gaicd, "images").iterdir():
        Image.new("RGB", (60, 45)).save(photo)
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert (ran.code, ran.out) == (2, "")
    assert "not resized; no manifest was written" in ran.err.splitlines()[-1]
    assert not Path("out").exists()


def test_annotations_alone(cadrage, gaicd):
    for photo in Path(gaicd, "images").iterdir():
        photo.unlink()
    ran = cadrage("data", "convert", "gaicd", gaicd, "out", "--photos", "none")
    assert (ran.code, ran.lines[0]["noted"]["size-inferred"]) == (0, 12)


def test_a_person_watching_sees_a_bar(cadrage, gaicd, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    ran = cadrage("data", "convert", "gaicd", gaicd, "out")
    assert ran.code == 0 and "12/12" in screen.getvalue()
    assert json.loads(ran.out)["photos"] == 12
