import csv
import io
import json
from pathlib import Path

import pytest


def test_one_json_line_per_photo_in_the_order_given(cadrage, model, photos):
    ran = cadrage("suggest", photos / "b.png", photos, "--model", model, "-n", 3)
    assert ran.code == 0
    assert ran.err == ""
    assert [line["image"]["path"] for line in ran.lines] == ["photos/b.png", "photos/a.jpg", "photos/c.webp"]
    for line in ran.lines:
        assert [crop["rank"] for crop in line["crops"]] == [1, 2, 3]


def test_the_same_request_gives_the_same_bytes(cadrage, model, photos):
    arguments = ("suggest", photos, "--model", model, "--ratios", "1:1,free")
    assert cadrage(*arguments).out == cadrage(*arguments).out


def test_the_lines_are_those_of_the_library(cadrage, model, photos):
    from cadrage import Cropper

    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "-r", "4:5", "-n", 2)
    expected = Cropper(model).suggest(str(photos / "a.jpg"), ratio="4:5", n=2)
    assert ran.out == expected.to_json() + "\n"


def test_every_option_reaches_the_request(cadrage, model, photos):
    ran = cadrage(
        *("suggest", photos / "a.jpg", "--model", model, "-r", "1:1", "--ratios", "free,4:5", "-n", 2),
        *("--keep", "0.4,0.4,0.6,0.6", "--keep", "48,32,72,48", "--avoid", "0,0,0.01,0.01"),
        *("--min-area", 0.1, "--max-area", 0.9, "--min-size", "10x10", "--scale", "tight", "--diversity", 0.7),
        *("--whole", "--no-people-aware", "--offline", "--threads", 1, "--max-pixels", 9600),
    )
    assert ran.code == 0
    (line,) = ran.lines
    assert line["request"] == {
        "ratio": ["1:1", "free", "4:5"],
        "num": 2,
        "keep": [[0.4, 0.4, 0.6, 0.6], [0.4, 0.4, 0.6, 0.6]],
        "avoid": [[0, 0, 0.01, 0.01]],
        "min_area": 0.1,
        "max_area": 0.9,
        "min_size": [10, 10],
        "diversity": 0.7,
        "scale": "tight",
        "strict": False,
        "whole": True,
        "people_aware": False,
    }


def test_a_photo_from_stdin(cadrage, model, photos, stdin):
    data = (photos / "a.jpg").read_bytes()
    stdin(data)
    ran = cadrage("suggest", "-", "--model", model, "-n", 1)
    (line,) = ran.lines
    assert ran.code == 0
    assert (line["image"]["path"], line["image"]["width"]) == ("-", 120)


def test_csv_has_a_row_per_crop_with_the_numbers_of_the_json(cadrage, model, photos):
    arguments = ("suggest", photos, "--model", model, "-n", 2)
    rows = list(csv.DictReader(io.StringIO(cadrage(*arguments, "--format", "csv").out)))
    crops = [(line, crop) for line in cadrage(*arguments).lines for crop in line["crops"]]
    assert len(rows) == len(crops) == 6
    for row, (line, crop) in zip(rows, crops, strict=True):
        assert row["path"] == line["image"]["path"]
        assert {name: int(row[name]) for name in crop["box"]} == crop["box"]
        assert [float(row[name]) for name in ("x1", "y1", "x2", "y2")] == crop["box_norm"]
        assert float(row["score"]) == crop["score"]


def test_text_is_for_reading(cadrage, model, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "-n", 2, "-r", "4:5", "--format", "text")
    first, *rest = ran.out.splitlines()
    assert first == "photos/a.jpg  120x80"
    assert len(rest) == 2
    assert all(line.split()[1] == "4:5" for line in rest)


@pytest.mark.parametrize("form", ["jsonl", "text", "csv"])
def test_timing_appears_only_when_asked_for(cadrage, model, photos, form):
    arguments = ("suggest", photos / "a.jpg", "--model", model, "--format", form)
    plain, timed = cadrage(*arguments).out, cadrage(*arguments, "--timing").out
    assert plain != timed
    if form == "jsonl":
        assert json.loads(timed).pop("timing")["milliseconds"] > 0
        assert {name: value for name, value in json.loads(timed).items() if name != "timing"} == json.loads(plain)


@pytest.mark.parametrize("name", ["look.png", "look.html"])
@pytest.mark.parametrize("which", ["a.jpg", ""])
def test_a_preview_of_one_photo_or_many(cadrage, model, photos, name, which):
    ran = cadrage("suggest", photos / which, "--model", model, "--preview", name)
    assert (ran.code, ran.err) == (0, "")
    assert Path(name).stat().st_size > 5000


def test_a_preview_replaces_nothing_without_being_told(cadrage, model, photos, load):
    Path("look.png").write_text("mine")
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "--preview", "look.png")
    assert (ran.code, ran.out) == (1, "")
    assert "look.png" in ran.err
    assert Path("look.png").read_text() == "mine"
    assert cadrage("suggest", photos / "a.jpg", "--model", model, "--preview", "look.png", "--overwrite").code == 0
    assert load("look.png").width == 1200


def test_a_preview_never_replaces_a_photo(cadrage, model, photos):
    before = (photos / "b.png").read_bytes()
    ran = cadrage("suggest", photos, "--model", model, "--preview", photos / "b.png", "--overwrite")
    assert ran.code == 1
    assert "b.png" in ran.err
    assert (photos / "b.png").read_bytes() == before


def test_a_preview_has_to_be_png_or_html(cadrage, model, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "--preview", "look.gif")
    assert ran.code == 2
    assert "look.gif" in ran.err


def test_rules_that_gave_way_are_told_on_stderr_and_in_the_flags(cadrage, model, photos):
    arguments = ("suggest", photos / "a.jpg", "--model", model, "-r", "1:3", "--keep", "0,0.4,1,0.6", "-n", 1)
    ran = cadrage(*arguments)
    assert ran.code == 0
    assert "cuts_kept" in ran.lines[0]["crops"][0]["flags"]
    assert ran.err.startswith("cadrage: warning: photos/a.jpg: ")
    assert len(ran.err.splitlines()) == 1
    strict = cadrage(*arguments, "--strict")
    assert strict.code == 5
    assert strict.lines[0]["error"]["code"] == "constraint"
    assert "a.jpg" in strict.err


def test_of_several_photos_one_that_cannot_keep_the_rules_fails_alone(cadrage, model, photos):
    ran = cadrage("suggest", photos, "--model", model, "--min-size", "110x70", "--strict", "-n", 1)
    assert ran.code == 1
    assert ["error" in line for line in ran.lines] == [False, True, True]
