"""How the files of crops are called, and which files of a folder are crops already."""

import os
from pathlib import Path

import pytest


def files_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_crops_of_the_last_run_are_not_cropped_again(cadrage, model, photos):
    arguments = ("crop", photos, "-o", photos, "--model", model, "-n", 2, "--ratios", "free,4:5")
    first = cadrage(*arguments)
    assert (first.code, first.err) == (0, "")
    before = files_in(photos)
    for pattern in (photos, photos / "[abc]*"):
        again = cadrage("crop", pattern, *arguments[2:], "--overwrite")
        assert again.code == 0
        assert [line["image"]["path"] for line in again.lines] == [line["image"]["path"] for line in first.lines]
        assert again.message.startswith("cadrage: warning: photos: 12 files are left out, named like crops of other")
        assert files_in(photos) == before
    named = cadrage("crop", photos / "a.jpg", photos / "a_free_1.jpg", "-o", "out", "--model", model, "-n", 1)
    assert (named.code, named.err, len(named.lines)) == (0, "", 2)
    elsewhere = cadrage("crop", photos, "-o", "other", "--model", model, "-n", 1)
    assert (elsewhere.code, elsewhere.err, len(elsewhere.lines)) == (0, "", 15)


def test_a_photo_named_like_a_crop_of_nothing_here_is_a_photo(cadrage, model, photos, picture):
    picture((50, 50)).save(photos / "IMG_free_1.jpg")
    ran = cadrage("crop", photos, "-o", photos, "--model", model, "-n", 1)
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 4)


def test_long_names_are_cropped_under_shorter_ones(cadrage, model, photos, load):
    names = ["a" * 248 + ".jpg", "a" * 247 + "b.jpg", "汉" * 83 + ".jpg"]
    for name in names:
        (photos / name).write_bytes((photos / "a.jpg").read_bytes())
    ran = cadrage("crop", *(photos / name for name in names), "-o", "out", "--model", model, "-n", 2)
    assert (ran.code, ran.err) == (0, "")
    written = files_in("out")
    assert len(written) == 6 and all(len(os.fsencode(name)) <= 255 for name in written)
    assert sorted(Path(file).name for line in ran.lines for file in line["files"]) == written


def test_names_by_template(cadrage, model, photos, load):
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2, "--name", "{rank:02}-{width}x{height}-{stem}")
    assert ran.code == 0
    for line in ran.lines:
        for file, crop in zip(line["files"], line["crops"], strict=True):
            width, height = crop["box"]["width"], crop["box"]["height"]
            stem = Path(line["image"]["path"]).stem
            assert Path(file).stem == f"{crop['rank']:02}-{width}x{height}-{stem}"
            assert load(file).size == (width, height)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{stem}", "add {rank}"),
        ("{rank}", "add {stem}"),
        ("../{stem}", "names a file, not a folder"),
        ("{stem.__class__}", "not a template"),
    ],
)
def test_templates_that_cannot_name_all_crops(cadrage, model, photos, template, told):
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2, "--name", template)
    assert ran.code == 2 and told in ran.message
    assert not Path("out").exists()


def test_folders_are_mirrored_on_request(cadrage, model, photos):
    for folder in ("trip/2024/june", "trip/2025"):
        Path(folder).mkdir(parents=True)
        Path(folder, "a.jpg").write_bytes((photos / "a.jpg").read_bytes())
    common = ("--model", model, "-n", 1, "--keep-folders")
    (one, other) = cadrage("crop", "trip/**/*.jpg", "-o", "out", *common).lines
    assert [one["files"], other["files"]] == [["out/2024/june/a_free_1.jpg"], ["out/2025/a_free_1.jpg"]]
    lines = cadrage("crop", "trip/2024/june", "trip/2025/a.jpg", "-o", "two", *common).lines
    assert [line["files"] for line in lines] == [["two/2024/june/a_free_1.jpg"], ["two/2025/a_free_1.jpg"]]
    (line,) = cadrage("crop", Path("trip/2025").absolute(), "-o", "three", *common).lines
    assert line["files"] == ["three/a_free_1.jpg"]
    (line,) = cadrage("crop", "trip/2024/../2025/a.jpg", "-o", "four", *common).lines
    assert line["files"] == ["four/a_free_1.jpg"]
    assert cadrage("crop", "trip/2025", "-o", "five", *common, "--dry-run").code == 0
    assert not Path("five").exists()


def test_mirrored_folders_never_lead_out_of_the_output(cadrage, model, photos, monkeypatch):
    for folder in ("w/sub/in", "w/sub/out"):
        Path(folder).mkdir(parents=True)
    for name in ("w/b.jpg", "w/sub/in/a.jpg"):
        Path(name).write_bytes((photos / "a.jpg").read_bytes())
    Path("w/sub/b_free_1.jpg").write_text("mine")
    monkeypatch.chdir("w/sub")
    arguments = ("in/a.jpg", "../b.jpg", "-o", "out", "--model", model, "-n", 1, "--keep-folders", "--overwrite")
    ran = cadrage("crop", *arguments)
    assert ran.code == 0 and Path("b_free_1.jpg").read_text() == "mine"
    assert [line["files"] for line in ran.lines] == [["out/sub/in/a_free_1.jpg"], ["out/b_free_1.jpg"]]


def test_no_two_crops_of_a_run_share_a_file(cadrage, model, photos):
    for name in ("a1.jpg",):
        (photos / name).write_bytes((photos / "a.jpg").read_bytes())
    files = (photos / "a.jpg", photos / "a1.jpg")
    ran = cadrage(
        "crop",
        *files,
        "-o",
        "out",
        "--model",
        model,
        "-n",
        11,
        "--name",
        "{stem}{rank}",
        "--overwrite",
        "--diversity",
        0.99,
    )
    written = [file for line in ran.lines for file in line.get("files", [])]
    assert len(set(written)) == len(written) == len(files_in("out"))
    assert ran.code == 0 or "is a crop of another photo of this run" in ran.err
    short = cadrage("crop", *files, "-o", "out", "--model", model, "-n", 1, "--name", "{stem:.1}_{rank}")
    assert short.code == 2 and "no format '.1'" in short.message


def test_mirrored_crops_of_the_last_run_are_not_cropped_again(cadrage, model, photos):
    for folder in ("kf/x", "kf/y"):
        Path(folder).mkdir(parents=True)
        Path(folder, "s.jpg").write_bytes((photos / "a.jpg").read_bytes())
    arguments = ("crop", "kf/**/*.jpg", "-o", "kf", "--model", model, "-n", 1, "--keep-folders", "--overwrite")
    assert (cadrage(*arguments).code, len(files_in("kf/x"))) == (0, 2)
    again = cadrage(*arguments)
    assert (again.code, len(again.lines), files_in("kf/x")) == (0, 2, ["s.jpg", "s_free_1.jpg"])
    assert "2 files are left out" in again.message
