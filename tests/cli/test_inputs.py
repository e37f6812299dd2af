import os
from pathlib import Path

import pytest

from cadrage.cli.inputs import PhotoInput, listed
from cadrage.errors import PhotoError


def expand(arguments):
    return listed(arguments).photos


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


def test_photos_of_cameras_and_browsers_are_found_whatever_their_suffix(tmp_path):
    names = ["a.HIF", "b.heics", "c.AVIFS", "d.mpo", "e.pjpeg", "f.jpg_large", "g.jfif", "h.apng", "i.JPG"]
    for name in names:
        (tmp_path / name).touch()
    found = listed([str(tmp_path)])
    assert [Path(photo.name).name for photo in found.photos] == names
    assert found.notes == []


def test_what_a_folder_scan_leaves_out_is_counted(tmp_path):
    names = ["a.jpg", "b.mov", "c.MOV", "d.cr3", "e", "f.xmp", ".g.mov", "Thumbs.db", "desktop.ini", "h.aae"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "i.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "sub").mkdir()
    found = listed([str(tmp_path)])
    assert [Path(photo.name).name for photo in found.photos] == ["a.jpg"]
    (note,) = found.notes
    assert note == (
        f"{tmp_path}: left out: 4 files are not photos by name (.mov 2, .cr3 1, without suffix 1), 1 link leads "
        "nowhere; a file named by itself is always tried"
    )


def test_a_folder_of_photos_alone_says_nothing(folder):
    assert listed(["in"]).notes == []


@pytest.mark.parametrize("address", ["https://example.org/a.jpg?x=1", "HTTP://example.org/", "s3://bucket/key"])
def test_an_address_gets_the_way_to_fetch_it(address):
    (photo,) = listed([address]).photos
    with pytest.raises(PhotoError, match=r"is an address .* curl -sL .* \| cadrage suggest -"):
        photo.open(1000)


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert [photo.name for photo in listed(["a.jpg", "./a.jpg", "b.jpg"]).photos] == ["a.jpg", "b.jpg"]
