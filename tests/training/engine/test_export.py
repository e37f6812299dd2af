"""A folder that is there as a whole or not at all."""

from pathlib import Path

import pytest

from cadrage.errors import OutputError, UsageError
from cadrage.training.engine.export import whole_folder


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


def content(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_new_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "models" / "mine"
    with whole_folder(out) as folder:
        write(folder, "trunk.onnx", "card.json")
        assert not out.exists()
    assert content(out) == ["card.json", "trunk.onnx"] and content(out.parent) == ["mine"]


def test_an_earlier_export_gives_way_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    write(out, "proposer.onnx")
    (out / "card.json").write_text('{"parts": {"proposer": {"file": "proposer.onnx"}}}')
    with whole_folder(out) as folder:
        write(folder, "card.json")
    assert content(out) == ["card.json"] and content(tmp_path) == ["mine"]


@pytest.mark.parametrize("card", ['{"parts": {"trunk": {"file": "trunk.onnx"}}}', None])
def test_a_model_of_another_origin_is_not_replaced(tmp_path: Path, card: str | None) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    write(out, "mine.onnx", "trunk.onnx")
    if card:
        (out / "card.json").write_text(card)
    with pytest.raises(UsageError, match=r"holds something else, such as mine\.onnx"), whole_folder(out):
        raise AssertionError("nothing is to be written")
    assert {"mine.onnx", "trunk.onnx"} <= set(content(out))


def test_an_earlier_export_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    write(out, "card.json")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if ".part-" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    with pytest.raises(OutputError, match="Input/output error"), whole_folder(out) as folder:
        write(folder, "trunk.onnx")
        monkeypatch.setattr(Path, "rename", failing)
    assert content(tmp_path) == ["mine"] and content(out) == ["card.json"]


def test_behind_a_link_the_folder_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    (tmp_path / "newest").symlink_to("v2")
    with whole_folder(tmp_path / "newest") as folder:
        write(folder, "card.json")
    assert (tmp_path / "newest").is_symlink() and content(tmp_path / "v2") == ["card.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_not_finished_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), whole_folder(tmp_path / "mine") as folder:
        write(folder, "trunk.onnx")
        raise error
    assert content(tmp_path) == []


def test_other_things_are_not_replaced(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "card.json")
    with (
        pytest.raises(UsageError, match=r"holds something else, such as notes\.txt; name an empty or new folder"),
        whole_folder(tmp_path),
    ):
        raise AssertionError("nothing is to be written")
    with pytest.raises(UsageError, match="is a file; name a folder"), whole_folder(tmp_path / "notes.txt"):
        raise AssertionError("nothing is to be written")
    assert content(tmp_path) == ["card.json", "notes.txt"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write(tmp_path, "file")
    with (
        pytest.raises(OutputError, match=r"cannot write .*mine: .*; check the folder"),
        whole_folder(tmp_path / "file" / "mine"),
    ):
        raise AssertionError("nothing is to be written")
