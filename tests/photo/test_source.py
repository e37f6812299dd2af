import gzip
import hashlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import PhotoError, UsageError
from cadrage.photo import open_photo, photo_from_image
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
    class Broken(io.FileIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    photo = open_photo(written(picture, "bad-sector.png"))
    monkeypatch.setattr(Path, "open", lambda path, _: Broken(path))
    with pytest.raises(PhotoError, match=r"bad-sector\.png: input/output error; check the disk"):
        _ = photo.sha256
    with pytest.raises(PhotoError, match="input/output error"):
        photo.full()
    with Broken(photo.path) as stream, pytest.raises(PhotoError, match="input/output error"):
        open_photo(stream)


@pytest.mark.parametrize("source", [None, 3, 2.5, ["a.jpg"]])
def test_other_types_are_a_wrong_request(source: object) -> None:
    with pytest.raises(UsageError, match="a photo is a path, bytes or a binary stream"):
        open_photo(source)  # type: ignore[arg-type]


def test_text_stream_is_a_wrong_request() -> None:
    with pytest.raises(UsageError, match="mode 'rb'"):
        open_photo(io.StringIO("text"))  # type: ignore[arg-type]


def test_repr_shows_no_bytes() -> None:
    assert repr(source_of(b"abc")) == "Source(name='bytes', path=None)"


@pytest.mark.parametrize("place", [0, 7, None])
def test_a_stream_that_was_looked_at_is_read_from_its_beginning(
    place: int | None, picture: np.ndarray, encoded: Callable
) -> None:
    content = encoded(picture, "PNG")
    stream = io.BytesIO(content)
    stream.seek(*((0, io.SEEK_END) if place is None else (place,)))
    before = stream.tell()
    assert open_photo(stream).sha256 == open_photo(content).sha256
    assert stream.tell() == before


def test_a_stream_just_written_and_a_file_after_verification(
    picture: np.ndarray, written: Callable, encoded: Callable
) -> None:
    stream = io.BytesIO()
    stream.write(encoded(picture, "JPEG"))
    assert open_photo(stream).size_wh == (24, 16)
    with written(picture, "seen.png").open("rb") as file:
        Image.open(file).verify()
        assert open_photo(file).size_wh == (24, 16)


def test_a_stream_that_cannot_seek_is_read_on(picture: np.ndarray, encoded: Callable) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self.left = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            return self.left.readinto(buffer)

    class Upload:
        """As web frameworks wrap theirs: without ``seekable``."""

        def __init__(self, content: bytes) -> None:
            self.file = io.BytesIO(content)

        def read(self, size: int = -1) -> bytes:
            return self.file.read(size)

    content = encoded(picture, "PNG")
    assert open_photo(Pipe(content)).sha256 == open_photo(Upload(content)).sha256 == open_photo(content).sha256
    with pytest.raises(PhotoError, match="stream: it is empty"):
        open_photo(Pipe(b""))


def test_streams_that_hand_nothing_over_say_why(picture: np.ndarray, encoded: Callable) -> None:
    closed = io.BytesIO(encoded(picture, "PNG"))
    closed.close()
    with pytest.raises(PhotoError, match="the stream is closed; open it again"):
        open_photo(closed)

    class Later:
        async def read(self) -> bytes:
            return b""

    with pytest.raises(UsageError, match=r"read asynchronously; hand over the bytes: await its read\(\)"):
        open_photo(Later())  # type: ignore[arg-type]


def test_standard_input_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(PhotoError, match="cannot read -: standard input is closed"):
        open_photo("-")


@pytest.mark.parametrize("way", ["with", "close", "file"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_an_image_whose_file_was_closed_is_told_apart_from_damage(
    way: str, form: str, picture: np.ndarray, encoded: Callable
) -> None:
    file = io.BytesIO(encoded(picture, form))
    image = Image.open(file)
    if way == "with":
        with image:
            pass
    elif way == "close":
        image.close()
    else:
        file.close()
    with pytest.raises(UsageError, match=r"the file of this Pillow image was closed .* call load\(\)"):
        photo_from_image(image)


def test_an_image_that_was_loaded_in_time_is_fine(picture: np.ndarray, encoded: Callable) -> None:
    with Image.open(io.BytesIO(encoded(picture, "PNG"))) as image:
        image.load()
    assert photo_from_image(image).model_input(8).shape == (8, 8, 3)


@pytest.mark.parametrize("ask", [lambda photo: photo.model_input(8), lambda photo: photo.full(), lambda p: p.sha256])
@pytest.mark.parametrize("swap", ["replaced", "rewritten"])
def test_a_file_that_was_swapped_for_one_alike_is_noticed(
    swap: str, ask: Callable, picture: np.ndarray, written: Callable, tmp_path: Path
) -> None:
    photo = open_photo(written(picture, "photo.png"))
    other = written(picture[::-1].copy(), "other.png")
    if swap == "replaced":
        other.replace(tmp_path / "photo.png")
    else:
        (tmp_path / "photo.png").write_bytes(other.read_bytes())
    with pytest.raises(PhotoError, match=r"photo\.png: the file has changed since it was opened"):
        ask(photo)


def test_a_cut_archive_is_unreadable_and_no_error_of_python(picture: np.ndarray, encoded: Callable) -> None:
    packed = gzip.compress(encoded(picture, "PNG"))
    with gzip.open(io.BytesIO(packed[: len(packed) // 2])) as stream, pytest.raises(PhotoError, match="cannot read"):
        open_photo(stream, name="packed")
