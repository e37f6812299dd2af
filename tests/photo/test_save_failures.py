"""What must not be written, or cannot: one of our errors, and nothing is left behind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import CadrageError, OutputError, UsageError
from cadrage.photo import OUTPUT_FORMATS, open_photo, photo_from_image, save_crop

BOX = (3, 2, 20, 9)


def test_an_encoder_that_fails_leaves_nothing(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("encoder error\nin two lines")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match=r"out\.jpg as JPEG: encoder error\\nin two lines"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
@pytest.mark.parametrize("how", ["enospc", "limit", "interrupt"])
def test_a_disk_that_fills_while_encoding_leaves_nothing(
    how: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    photo = photo_from_image(pixels)
    written = 0

    def write(handle: object, data: bytes) -> int:
        nonlocal written
        written += len(data)
        if written > 20_000:
            raise KeyboardInterrupt if how == "interrupt" else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    path = tmp_path / f"out.{out}"
    if how == "limit":
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            with pytest.raises(OutputError, match="file too large"):
                save_crop(photo, (0, 0, 300, 300), path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        monkeypatch.setattr("cadrage.photo.files._Unseen.write", write)
        with pytest.raises(KeyboardInterrupt if how == "interrupt" else OutputError):
            save_crop(photo, (0, 0, 300, 300), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_the_photo_itself_is_never_overwritten(
    link: str | None, overwrite: bool, picture: np.ndarray, written: Callable
) -> None:
    path = written(picture, "photo.png")
    before = path.read_bytes()
    target = path
    if link:
        target = path.with_name("link.png")
        getattr(target, link)(path)
    with pytest.raises(OutputError, match="never overwritten"):
        save_crop(open_photo(path), BOX, target, overwrite=overwrite)
    assert path.read_bytes() == before


def test_an_existing_target_is_refused_before_any_decoding(
    picture: np.ndarray, written: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = open_photo(written(picture, "photo.png"))
    target = written(picture, "there.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(OutputError, match=r"there\.png: it exists"):
        save_crop(photo, BOX, target)


def test_too_little_memory_is_one_of_our_errors(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "crop", exhausted)
    with pytest.raises(OutputError, match=r"out\.png as PNG: not enough memory"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.png")


def test_decoded_must_be_of_this_photo(picture: np.ndarray, tmp_path: Path) -> None:
    other = photo_from_image(picture[:12]).decoded()
    with pytest.raises(UsageError, match=r"decoded must be the result of photo\.decoded\(\)"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.png", decoded=other)


def test_all_failures_are_ours(picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(CadrageError):
        save_crop(photo_from_image(picture), BOX, tmp_path / "no" / "folder" / "out.png")
