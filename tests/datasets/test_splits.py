import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.splits import make_split, read_split, select, split_names
from cadrage.errors import UsageError

DATA = os.environ.get("CADRAGE_DATA")


def test_identity_is_the_set_of_names() -> None:
    there, back = make_split("x", ["b", "a"]), make_split("y", ["a", "b"])
    assert there.sha256 == back.sha256 == hashlib.sha256(b"a\nb").hexdigest()
    assert there.file_names == ("b", "a")
    assert make_split("x", ["a", "c"]).sha256 != there.sha256


def test_a_split_of_the_folder_is_read_in_its_order(tmp_path: Path, list_split: Callable) -> None:
    list_split(tmp_path, "val", ["b", "a"])
    assert read_split(tmp_path, "val") == make_split("val", ["images/b.png", "images/a.png"])
    assert split_names(tmp_path) == ["val"]


def test_a_split_may_be_any_file(tmp_path: Path, list_split: Callable) -> None:
    file = list_split(tmp_path, "mine", "ab")
    assert read_split(tmp_path / "elsewhere", str(file)) == make_split("mine", ["images/a.png", "images/b.png"])


def test_line_ends_and_names_of_every_kind_survive(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "dev.txt").write_bytes("\ufeffa b.jpg\r\n\r\nc\u2028d.jpg\n".encode() + b"\xff.jpg")
    assert read_split(tmp_path, "dev").file_names == ("a b.jpg", "c\u2028d.jpg", "\udcff.jpg")


@pytest.mark.parametrize(("dataset", "sizes"), [("fcdb", {"fit": 1127, "dev": 210}), ("flms", {"fit": 200, "dev": 50})])
def test_packaged_lists_are_disjoint_and_known(tmp_path: Path, dataset: str, sizes: dict[str, int]) -> None:
    splits = {name: read_split(tmp_path, name, dataset) for name in sizes}
    assert {name: len(split.file_names) for name, split in splits.items()} == sizes
    assert not set(splits["fit"].file_names) & set(splits["dev"].file_names)
    assert all(name.startswith("images/") for split in splits.values() for name in split.file_names)


def test_the_packaged_lists_never_change(tmp_path: Path) -> None:
    """Reports and cards carry these hashes; another list must get another name."""
    assert {f"{d}-{n}": read_split(tmp_path, n, d).sha256[:12] for d in ("fcdb", "flms") for n in ("fit", "dev")} == {
        "fcdb-fit": "012d1d03f1db",
        "fcdb-dev": "996725e5ddd5",
        "flms-fit": "31a3773c7d6b",
        "flms-dev": "9c3286116642",
    }


def test_flms_as_a_whole_is_its_test_where_an_earlier_version_wrote_no_list(tmp_path: Path, write, row, list_split):
    folder = write(row("a"), row("b"))
    (folder / "conversion.json").write_text(json.dumps({"dataset": "flms"}))
    names = ["images/a.png", "images/b.png"]
    assert read_split(folder, "test", "flms") == make_split("test", names)
    assert read_split(folder, "test") == make_split("test", names)
    list_split(folder, "test", "a")
    assert read_split(folder, "test", "flms").file_names == ("images/a.png",)


def test_of_another_data_set_nothing_passes_for_its_test(tmp_path: Path, write, row):
    """Neither every photo of a set that has a test of its own, nor of a half of FLMS that nobody converted."""
    folder = write(row("a"), row("b"))
    with pytest.raises(UsageError, match="no split 'test'"):
        read_split(folder, "test", "flms")
    (folder / "conversion.json").write_text(json.dumps({"dataset": "gaicd"}))
    with pytest.raises(UsageError, match="no split 'test'"):
        read_split(folder, "test", "gaicd")


def test_the_folders_own_split_wins_over_the_packaged_one(tmp_path: Path, list_split: Callable) -> None:
    list_split(tmp_path, "dev", "a")
    assert read_split(tmp_path, "dev", "fcdb").file_names == ("images/a.png",)
    assert len(read_split(tmp_path, "fit", "fcdb").file_names) == 1127


def test_an_unknown_split_is_answered_with_those_there_are(tmp_path: Path, list_split: Callable) -> None:
    with pytest.raises(UsageError, match="no split 'val'; draw one with: cadrage data split"):
        read_split(tmp_path, "val")
    list_split(tmp_path, "test", "a")
    with pytest.raises(UsageError, match="no split 'xxx"):
        read_split(tmp_path, "x" * 1000)
    with pytest.raises(UsageError, match="no split 'val'; there are dev, fit, test"):
        read_split(tmp_path, "val", "flms")


@pytest.mark.parametrize(
    ("content", "word"),
    [("", "names no photo"), ("\n \n", "names no photo"), ("a\nb\na\n", "line 3: a is named twice")],
)
def test_bad_split_files_are_named(tmp_path: Path, content: str, word: str) -> None:
    file = tmp_path / "splits" / "dev.txt"
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=word) as caught:
        read_split(tmp_path, "dev")
    assert str(file) in str(caught.value)


def test_selecting_keeps_the_order_of_the_records(write: Callable, row: Callable) -> None:
    records = read_manifest(write(*map(row, "abcd"), photos=False))
    selected = select(records, make_split("x", ["images/d.png", "images/a.png"]))
    assert [record.file.stem for record in selected] == ["a", "d"]
    assert select(records, make_split("x", [])) == []


def test_listed_photos_that_are_absent_are_counted_and_named(write: Callable, row: Callable) -> None:
    records = read_manifest(write(row("a"), photos=False))
    split = make_split("dev", [f"images/{stem}.png" for stem in "abcde"])
    with pytest.raises(UsageError, match=r"split dev: 4 of 5 photos .*images/b\.png, .*d\.png, \.\.\.\)"):
        select(records, split)


@pytest.mark.skipif(not DATA, reason="CADRAGE_DATA names no folder with fcdb/train and flms/a")
def test_the_packaged_lists_follow_their_documented_rule() -> None:
    fcdb, flms = (Path(str(DATA)) / folder for folder in ("fcdb/train", "flms/a"))
    records = read_manifest(fcdb)
    divisible = [record for record in records if record.source["flickr_photo_id"] % 7 == 0]
    assert [each.file for each in select(records, read_split(fcdb, "dev", "fcdb"))] == [each.file for each in divisible]
    assert len(select(records, read_split(fcdb, "fit", "fcdb"))) == len(records) - len(divisible)
    records = read_manifest(flms)
    assert [each.file for each in select(records, read_split(flms, "dev", "flms"))] == [
        each.file for each in records[::5]
    ]
    assert len(select(records, read_split(flms, "fit", "flms"))) == len(records) - len(records[::5])


def test_a_file_in_the_current_folder_does_not_pass_for_a_packaged_split(tmp_path, monkeypatch):
    packaged = read_split(tmp_path, "dev", "fcdb")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev").write_text("images/mine.jpg\n")
    assert read_split(tmp_path, "dev", "fcdb") == packaged
    assert read_split(tmp_path, "./dev", "fcdb").file_names == ("images/mine.jpg",)
