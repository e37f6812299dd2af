import os
from pathlib import Path

import pytest

from cadrage.cli.inputs import PhotoInput, expand
from cadrage.errors import PhotoError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.JPG", "a.png", ".hidden.jpg", "notes.txt", "c.tif", "deep/d.webp", "[x].jpg"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "folder.jpg").mkdir()
    return tmp_path


def test_the_stem_is_the_file_name_without_folder_and_suffix():
    stems = [PhotoInput(name).stem for name in ("x/a.jpg", "z/A.png", "a-2.jpg", "-")]
    assert stems == ["a", "A", "a-2", "stdin"]


def names(*arguments: str) -> list[str]:
    return [Path(photo.name).as_posix() for photo in expand(arguments)]


def test_files_keep_the_order_given_and_come_as_typed(folder):
    assert names("in/c.tif", "in/a.png", "missing.jpg") == ["in/c.tif", "in/a.png", "missing.jpg"]
    assert expand(["./in//a.png"])[0].name == "./in//a.png"


def test_a_folder_gives_its_photos_sorted_and_nothing_else(folder):
    assert names("in") == ["in/[x].jpg", "in/a.png", "in/b.JPG", "in/c.tif"]


def test_a_pattern_gives_its_matches_sorted_and_looks_into_subfolders_with_two_stars(folder):
    assert names("in/*.txt", "in/*.png") == ["in/notes.txt", "in/a.png"]
    assert names("in/**/*.webp") == ["in/deep/d.webp"]


def test_a_name_with_brackets_that_exists_is_a_file_and_not_a_pattern(folder):
    assert names("in/[x].jpg") == ["in/[x].jpg"]


def test_each_photo_comes_once_however_it_is_spelled(folder):
    assert names("in/a.png", "in", "./in/../in/a.png", str(folder / "in" / "a.png"), "-", "-") == [
        "in/a.png",
        "in/[x].jpg",
        "in/b.JPG",
        "in/c.tif",
        "-",
    ]


@pytest.mark.parametrize("argument", ["in/deep/none*.jpg", "empty"])
def test_a_pattern_or_folder_without_photos_fails_when_opened(folder, argument):
    (folder / "empty").mkdir()
    (photo,) = expand([argument])
    with pytest.raises(PhotoError, match=argument.replace("*", r"\*")):
        photo.open(1000)


def test_nothing_gives_nothing():
    assert expand([]) == []


@pytest.mark.parametrize(("name", "stem"), [("a/b.tar.jpg", "b.tar"), ("-", "stdin"), ("x", "x")])
def test_stems(name, stem):
    assert PhotoInput(name).stem == stem


@pytest.mark.skipif(not hasattr(os, "fsencode") or os.name == "nt", reason="file names are text there")
def test_names_that_are_not_text_survive(folder):
    name = os.fsdecode(b"in/\xff.jpg")
    try:
        Path(name).touch()
    except OSError:
        pytest.skip("this file system wants text")
    assert name in [photo.name for photo in expand(["in"])]
