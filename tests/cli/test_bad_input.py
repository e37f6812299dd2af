"""Each broken photo: one line that names it, the documented exit code, and every other photo done."""

from pathlib import Path

import pytest
from PIL import Image

VERBS = [("suggest",), ("crop", "-o", "out")]


def _truncated(good: bytes) -> bytes:
    return good[: len(good) // 2]


BROKEN = {
    "empty": lambda good: b"",
    "cut in the pixels": _truncated,
    "cut in the header": lambda good: good[:40],
    "text": lambda good: b"this is not a photo\n" * 40,
    "noise": lambda good: bytes(range(256)) * 8,
    "html": lambda good: b"<!doctype html><title>404</title>",
    "one byte": lambda good: b"\xff",
}


def check_failed_alone(ran, name: str, count: int) -> None:
    assert ran.code == 1
    assert len(ran.lines) == count
    failed = [line for line in ran.lines if "error" in line]
    assert [line["image"]["path"] for line in failed] == [name]
    message = ran.message
    assert message.startswith("cadrage: error: ")
    assert Path(name).name in message
    assert failed[0]["error"]["message"] in message


@pytest.mark.parametrize("verb", VERBS, ids=["suggest", "crop"])
@pytest.mark.parametrize("breaking", BROKEN.values(), ids=BROKEN)
def test_a_broken_photo_among_others(cadrage, model, photos, breaking, verb):
    (photos / "bad.jpg").write_bytes(breaking((photos / "a.jpg").read_bytes()))
    check_failed_alone(cadrage(*verb, photos, "--model", model, "-n", 1), "photos/bad.jpg", 4)
    if verb[0] == "crop":
        assert sorted(path.name for path in Path("out").iterdir()) == [
            "a_free_1.jpg",
            "b_free_1.png",
            "c_free_1.webp",
        ]


@pytest.mark.parametrize("breaking", BROKEN.values(), ids=BROKEN)
def test_a_broken_photo_alone(cadrage, model, photos, breaking):
    (photos / "bad.jpg").write_bytes(breaking((photos / "a.jpg").read_bytes()))
    ran = cadrage("suggest", photos / "bad.jpg", "--model", model)
    assert ran.code == 3
    assert ran.lines[0]["error"]["code"] == "photo_unreadable"
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["none.jpg", "none/*.jpg", "empty", "bad\nname.jpg", "x" * 300 + ".jpg"])
def test_a_missing_photo(cadrage, model, photos, name):
    Path("empty").mkdir()
    alone = cadrage("suggest", name, "--model", model)
    assert alone.code == 3
    assert len(alone.err.splitlines()) == 1
    ran = cadrage("suggest", photos / "a.jpg", name, photos / "b.png", "--model", model)
    assert ran.code == 1
    assert ["error" in line for line in ran.lines] == [False, True, False]


def test_a_wrong_extension_does_not_matter(cadrage, model, photos):
    (photos / "b.png").rename(photos / "really_png.jpg")
    ran = cadrage("crop", photos / "really_png.jpg", "-o", "out", "--model", model, "-n", 1)
    assert ran.code == 0
    assert ran.lines[0]["files"] == ["out/really_png_free_1.png"]


def test_a_photo_of_one_pixel_is_a_photo(cadrage, model, photos):
    Image.new("RGB", (1, 1), (9, 9, 9)).save("dot.png")
    ran = cadrage("crop", "dot.png", "-o", "out", "--model", model, "--ratios", "free,1:1", "--preview", "look.html")
    assert ran.code == 0
    assert {tuple(crop["box"].values()) for crop in ran.lines[0]["crops"]} == {(0, 0, 1, 1)}


def test_a_photo_above_the_limit_is_refused_before_decoding(cadrage, model, photos):
    check_failed_alone(cadrage("suggest", photos, "--model", model, "--max-pixels", 10_400), "photos/b.png", 3)


def test_a_photo_that_may_not_be_read(cadrage, model, photos, monkeypatch):
    real = Path.open

    def refused(self, *arguments, **settings):
        if self.name == "b.png":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refused)
    check_failed_alone(cadrage("suggest", photos, "--model", model), "photos/b.png", 3)


def test_an_output_folder_that_may_not_be_written(cadrage, model, photos, monkeypatch):
    import cadrage.photo.files as files

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.io, "FileIO", refused)
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 1)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 3
    assert all("permission denied" in line.lower() for line in ran.err.splitlines())
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("verb", VERBS, ids=["suggest", "crop"])
@pytest.mark.parametrize(
    "options",
    [
        ("--ratio", "nan"),
        ("--ratio", "-4:5"),
        ("--ratio=-1",),
        ("--ratios", "1:1,0:0"),
        ("--keep", "0.1,nan,0.5,0.5"),
        ("--keep", "-5,0,10,10"),
        ("--avoid", "0.5,0.5,0.1,0.1"),
        ("-n", "0"),
        ("-n", "101"),
        ("-n", "many"),
        ("--min-area", "2"),
        ("--max-area", "nan"),
        ("--min-size", "10"),
        ("--diversity", "1.5"),
        ("--scale", "huge"),
        ("--threads", "0"),
        ("--max-pixels", "0"),
        ("--wrong",),
    ],
    ids=" ".join,
)
def test_impossible_requests_stop_before_any_photo(cadrage, model, photos, verb, options):
    ran = cadrage(*verb, photos, "--model", model, *options)
    assert (ran.code, ran.out) == (2, "")
    message = ran.message
    assert message.startswith("cadrage: error: ")
    assert not Path("out").exists()


def test_a_kept_box_outside_one_of_the_photos(cadrage, model, photos):
    ran = cadrage("suggest", photos, "--model", model, "--keep", "10,10,110,70", "-r", "free")
    assert ran.code == 1
    assert ["error" in line for line in ran.lines] == [False, True, True]
    assert [name in line for name, line in zip(("b.png", "c.webp"), ran.err.splitlines(), strict=True)] == [True, True]
    alone = cadrage("suggest", photos / "b.png", "--model", model, "--keep", "10,10,110,70")
    assert alone.code == 2


@pytest.mark.parametrize("model_name", ["no-such-model", "./nowhere", "photos"])
def test_a_missing_model_stops_the_run_with_4(cadrage, photos, model_name, monkeypatch):
    monkeypatch.setenv("CADRAGE_MODELS", "")
    ran = cadrage("suggest", photos, "--model", model_name, "--offline")
    assert (ran.code, ran.out) == (4, "")
    assert len(ran.err.splitlines()) == 1


def test_a_damaged_model_stops_the_run_with_4(cadrage, model, photos, tmp_path):
    import shutil

    damaged = tmp_path / "damaged"
    shutil.copytree(model, damaged)
    (damaged / "trunk.onnx").write_bytes(b"nothing")
    assert cadrage("suggest", photos, "--model", damaged).code == 4


def test_an_error_nobody_foresaw_is_told_on_one_line_and_the_others_are_done(cadrage, model, photos, monkeypatch):
    import cadrage.inference.cropper as cropper

    real = cropper.Cropper.answer

    def surprising(self, photo, request, **options):
        if photo.name.endswith("b.png"):
            raise ZeroDivisionError("two\nlines")
        return real(self, photo, request, **options)

    monkeypatch.setattr(cropper.Cropper, "answer", surprising)
    ran = cadrage("suggest", photos, "--model", model)
    assert ran.code == 1
    assert [line["image"]["path"] for line in ran.lines if "error" in line] == ["photos/b.png"]
    message = ran.message
    assert "b.png" in message
    assert "ZeroDivisionError" in message


def test_too_little_memory_is_told(cadrage, model, photos, monkeypatch):
    import cadrage.inference.cropper as cropper

    def exhausted(self, photo, request, **options):
        raise MemoryError

    monkeypatch.setattr(cropper.Cropper, "answer", exhausted)
    ran = cadrage("suggest", photos / "a.jpg", "--model", model)
    assert ran.code == 3
    assert "memory" in ran.err
