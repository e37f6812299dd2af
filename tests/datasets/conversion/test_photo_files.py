import os
from pathlib import Path

import pytest

from cadrage.datasets.conversion import convert as photo_files
from cadrage.datasets.conversion.convert import bring
from cadrage.errors import OutputError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "dst").mkdir()
    file = tmp_path / "a.jpg"
    file.write_bytes(b"pixels")
    return file


def test_a_link_is_the_same_file_and_a_copy_is_not(photo, tmp_path):
    link, copy = tmp_path / "dst" / "link.jpg", tmp_path / "dst" / "copy.jpg"
    bring(photo, link, "link")
    bring(photo, copy, "copy")
    assert link.samefile(photo) and not link.is_symlink()
    assert copy.read_bytes() == b"pixels" and not copy.samefile(photo)
    # Again, and nothing happens.
    bring(photo, link, "link")
    bring(photo, copy, "copy")
    assert sorted(path.name for path in (tmp_path / "dst").iterdir()) == ["copy.jpg", "link.jpg"]


def test_a_symbolic_link_leads_to_its_file(photo, tmp_path):
    alias, target = tmp_path / "alias.jpg", tmp_path / "dst" / "a.jpg"
    alias.symlink_to(photo)
    bring(alias, target, "link")
    assert not target.is_symlink() and target.samefile(photo)


def test_where_links_are_impossible_the_photo_is_copied(photo, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    bring(photo, tmp_path / "dst" / "a.jpg", "link")
    assert (tmp_path / "dst" / "a.jpg").read_bytes() == b"pixels"
    assert not (tmp_path / "dst" / "a.jpg").samefile(photo)


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_another_file_is_never_written_over(photo, tmp_path, mode):
    target = tmp_path / "dst" / "a.jpg"
    for content in (b"PIXELS", b"other"):
        target.write_bytes(content)
        with pytest.raises(OutputError, match="another file is there"):
            bring(photo, target, mode)
        assert target.read_bytes() == content


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_nothing_is_written_through_a_symbolic_link(photo, tmp_path, mode):
    elsewhere, target = tmp_path / "elsewhere.jpg", tmp_path / "dst" / "a.jpg"
    target.symlink_to(elsewhere)
    with pytest.raises(OutputError, match="another file is there"):
        bring(photo, target, mode)
    assert not elsewhere.exists()


def test_half_a_copy_never_stays(photo, tmp_path, monkeypatch):
    def fail(source, target, size):
        target.write(b"pix")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(photo_files.shutil, "copyfileobj", fail)
    with pytest.raises(OutputError, match="No space left"):
        bring(photo, tmp_path / "dst" / "a.jpg", "copy")
    assert list((tmp_path / "dst").iterdir()) == []
