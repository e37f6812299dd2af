import errno
import io
import os
from pathlib import Path

import pytest

from cadrage.errors import OutputError
from cadrage.photo.files import atomic_write, check_output, check_target


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with atomic_write(target) as handle:
        handle.write(b"content")
        handle.flush()
        assert not target.exists()
        (temporary,) = tmp_path.iterdir()
        assert temporary.name.startswith("a.bin.tmp-")
    assert target.read_bytes() == b"content"
    assert left(tmp_path) == ["a.bin"]


def test_it_is_on_the_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.bin"
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(target.exists()))
    with atomic_write(target) as handle:
        handle.write(b"x")
    assert synced == [False]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_nothing_is_left_when_the_block_fails(error: type[BaseException], tmp_path: Path) -> None:
    def write() -> None:
        with atomic_write(tmp_path / "a.bin") as handle:
            handle.write(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert left(tmp_path) == []


def test_an_older_file_survives_a_failed_overwrite(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")

    def write() -> None:
        with atomic_write(tmp_path / "a.bin", overwrite=True) as handle:
            handle.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert left(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("when", ["write", "fsync", "publish"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing(
    when: str, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "a.bin"
    if overwrite:
        target.write_bytes(b"old")
    if when == "write":
        monkeypatch.setattr("cadrage.photo.files._Unseen.write", full)
    elif when == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
        monkeypatch.setattr(Path, "hardlink_to", full)
    with (
        pytest.raises(OutputError, match=r"a\.bin: no space left on device; nothing was left behind"),
        atomic_write(target, overwrite=overwrite) as handle,
    ):
        handle.write(b"x" * 100_000)
    monkeypatch.undo()
    assert left(tmp_path) == (["a.bin"] if overwrite else [])
    assert not overwrite or target.read_bytes() == b"old"


def test_a_short_write_is_not_taken_for_success(tmp_path: Path) -> None:
    """On a nearly full disk the system writes a part and reports it; the next attempt fails."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    target = tmp_path / "a.bin"

    def write() -> None:
        with atomic_write(target) as handle:
            handle.write(b"x" * 150_000)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="file too large"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert left(tmp_path) == []


def test_encoders_get_no_descriptor(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as handle, pytest.raises(io.UnsupportedOperation):
        handle.fileno()


def test_an_existing_file_needs_permission(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"a\.bin: it exists; choose another name or allow --overwrite"):
        check_target(target)
    with atomic_write(target, overwrite=True) as handle:
        handle.write(b"new")
    assert target.read_bytes() == b"new"


def test_a_file_that_appears_while_writing_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"

    def write() -> None:
        with atomic_write(target) as handle:
            handle.write(b"mine")
            target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="it exists"):
        write()
    assert target.read_bytes() == b"theirs"
    assert left(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("appeared", [False, True])
def test_folders_without_links(appeared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", unsupported)
    target = tmp_path / "a.bin"

    def write() -> None:
        with atomic_write(target) as handle:
            handle.write(b"mine")
            if appeared:
                target.write_bytes(b"theirs")

    if appeared:
        with pytest.raises(OutputError, match="it exists"):
            write()
    else:
        write()
    assert target.read_bytes() == (b"theirs" if appeared else b"mine")
    assert left(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("way", ["same", "dots", "symlink", "hardlink", "linked folder"])
def test_the_original_is_never_overwritten(way: str, overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    original = tmp_path / "in" / "photo.jpg"
    original.write_bytes(b"original")
    target = tmp_path / "other.jpg"
    if way == "same":
        target = original
    elif way == "dots":
        target = tmp_path / "in" / ".." / "in" / "photo.jpg"
    elif way == "symlink":
        target.symlink_to(original)
    elif way == "hardlink":
        target.hardlink_to(original)
    else:
        (tmp_path / "out").symlink_to(tmp_path / "in", target_is_directory=True)
        target = tmp_path / "out" / "photo.jpg"
    with (
        pytest.raises(OutputError, match="it is the original photo, which is never overwritten"),
        atomic_write(target, overwrite=overwrite, protect=original),
    ):
        pytest.fail("opened")
    assert original.read_bytes() == b"original"


def test_a_link_to_nothing_counts_as_existing(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="it exists"):
        check_target(target)


def test_overwriting_a_link_replaces_the_link_and_not_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    target = tmp_path / "a.bin"
    target.symlink_to(tmp_path / "precious")
    with atomic_write(target, overwrite=True) as handle:
        handle.write(b"new")
    assert not target.is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        check_target(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match=r"there is no folder .*gone; create it first"):
        check_target(tmp_path / "gone" / "a.jpg")


def test_what_a_folder_takes_is_found_out_without_leaving_anything(tmp_path: Path) -> None:
    check_output(tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="it is a folder"):
        check_output(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="only Linux has this folder")
def test_a_folder_that_takes_no_file_from_anybody() -> None:
    check_target(Path("/proc/a.json"))
    with pytest.raises(OutputError, match=r"/proc/a\.json: its folder takes no new file .*; choose another"):
        check_output(Path("/proc/a.json"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission denied"), atomic_write(tmp_path / "a.bin"):
        pytest.fail("opened")


@pytest.mark.parametrize("name", ["two\nlines.jpg", "n" * 251 + ".jpg", "写" * 80 + ".jpg", "x"])
def test_any_name_the_system_takes(name: str, tmp_path: Path) -> None:
    with atomic_write(tmp_path / name) as handle:
        handle.write(b"x")
    assert left(tmp_path) == [name]
    with pytest.raises(OutputError) as caught:
        check_target(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "words"), [("n" * 300, "file name too long"), ("a\0b", "embedded null byte")])
def test_names_the_system_refuses(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=words), atomic_write(tmp_path / name):
        pytest.fail("opened")


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as handle:
        handle.write(b"x")
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "a.bin").stat().st_nlink == 1
