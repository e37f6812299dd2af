import pytest

from cadrage.evaluation.replacing import replacing


def test_the_file_appears_when_the_block_ends(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with replacing(file) as handle:
        handle.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_block_that_fails_leaves_everything_as_it_was(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(file) as handle:
        handle.write(b"new")
        raise RuntimeError
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "a.bin") as handle:
        handle.write(b"")
