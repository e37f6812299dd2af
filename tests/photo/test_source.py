import hashlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.errors import PhotoError, UsageError
from cadrage.photo import open_photo
from cadrage.photo.source import source_of


def test_path_bytes_stream_and_standard_input_are_the_same_photo(
    picture: np.ndarray, written: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(picture, "a.png")
    data = path.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with path.open("rb") as stream:
        photos = {
            str(path): open_photo(path),
            os.path.relpath(path): open_photo(os.path.relpath(path)),
            "bytes": open_photo(data),
            "given": open_photo(bytearray(data), name="given"),
            "stream": open_photo(io.BytesIO(data)),
            "standard input": open_photo("-"),
        }
        assert open_photo(stream).name == str(path)
    for name, photo in photos.items():
        assert photo.name == name
        assert photo.sha256 == hashlib.sha256(data).hexdigest()
        np.testing.assert_array_equal(np.asarray(photo.full()), picture)
        assert (photo.path is not None) == (name.endswith("a.png"))


def test_a_photo_can_be_asked_again_and_again(picture: np.ndarray, encoded: Callable) -> None:
    photo = open_photo(io.BytesIO(encoded(picture, "JPEG")))
    first = photo.model_input(8)
    np.testing.assert_array_equal(np.asarray(photo.full()), np.asarray(photo.full()))
    np.testing.assert_array_equal(first, photo.model_input(8))


@pytest.mark.parametrize(
    "name",
    ["two words.jpg", "Фото №1.jpg", "e\u0301te\u0301.jpg", "été.jpg", "-n.jpg", "a%20b#c.jpg", "two\nlines.jpg"],
)
def test_any_file_name_works_and_errors_stay_on_one_line(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / name
    Image.fromarray(picture).save(path, "JPEG")
    assert open_photo(path).size_wh == (24, 16)
    path.write_bytes(b"")
    with pytest.raises(PhotoError) as caught:
        open_photo(path)
    assert "\n" not in str(caught.value)
    assert name.replace("\n", "\\n") in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.jpg: no such file or directory; check the path"):
        open_photo(tmp_path / "gone.jpg")


def test_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PhotoError, match=r"a\.jpg: not a directory"):
        open_photo(tmp_path / "file" / "a.jpg")


def test_name_with_nul() -> None:
    with pytest.raises(PhotoError, match=r"a\\x00b\.jpg: embedded null byte"):
        open_photo("a\0b.jpg")


def test_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="file name too long"):
        open_photo(tmp_path / ("n" * 300))


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=f"{tmp_path.name}: it is a folder"):
        open_photo(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "zero.jpg").touch()
    with pytest.raises(PhotoError, match=r"zero\.jpg: the file is empty"):
        open_photo(tmp_path / "zero.jpg")
    with pytest.raises(PhotoError, match="empty"):
        open_photo(b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_device_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path(os.devnull)):
        with pytest.raises(PhotoError, match="not a regular file"):
            open_photo(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(picture: np.ndarray, written: Callable) -> None:
    path = written(picture, "secret.png")
    path.chmod(0)
    with pytest.raises(PhotoError, match=r"secret\.png: permission denied"):
        open_photo(path)


def test_no_permission_as_the_system_reports_it(
    picture: np.ndarray, written: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(picture, "secret.png")
    photo = open_photo(path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    for ask in (lambda: open_photo(path), lambda: photo.sha256, photo.full):
        with pytest.raises(PhotoError, match=r"secret\.png: permission denied; make it readable"):
            ask()


def test_read_error_while_hashing(picture: np.ndarray, written: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    photo = open_photo(written(picture, "bad-sector.png"))
    monkeypatch.setattr(Path, "open", lambda *_: Broken())
    with pytest.raises(PhotoError, match=r"bad-sector\.png: input/output error; check the disk"):
        _ = photo.sha256
    with pytest.raises(PhotoError, match="input/output error"):
        photo.full()
    with pytest.raises(PhotoError, match="input/output error"):
        open_photo(Broken())


@pytest.mark.parametrize("source", [None, 3, 2.5, ["a.jpg"]])
def test_other_types_are_a_wrong_request(source: object) -> None:
    with pytest.raises(UsageError, match="a photo is a path, bytes or a binary stream"):
        open_photo(source)  # type: ignore[arg-type]


def test_text_stream_is_a_wrong_request() -> None:
    with pytest.raises(UsageError, match="mode 'rb'"):
        open_photo(io.StringIO("text"))  # type: ignore[arg-type]


def test_repr_shows_no_bytes() -> None:
    assert repr(source_of(b"abc")) == "Source(name='bytes', path=None)"
