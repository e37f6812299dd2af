import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.datasets.manifest import iter_manifest, manifest_sha256, read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.errors import UsageError


def crop(*box: object, score: object = 1.0) -> dict:
    return {"crops": [{"box": list(box), "score": score}]}


def test_a_row_comes_back_as_it_was_written(write: Callable, row: Callable) -> None:
    folder = write(row(), photos=False)
    (record,) = read_manifest(folder)
    assert (record.file_name, record.file, record.size_wh) == ("images/a.png", folder / "images" / "a.png", (40, 30))
    np.testing.assert_array_equal(record.crops_xyxy, [[0.1, 0.1, 0.9, 0.8], [0.0, 0.25, 0.5, 1]])
    np.testing.assert_array_equal(record.scores, [3, 2])
    (pair,) = record.pairs
    assert (pair.a_xyxy, pair.b_xyxy, pair.votes_a, pair.votes_b) == ((0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), 3, 2)
    np.testing.assert_array_equal(record.persons_xyxy, [[0.1, 0.1, 0.3, 0.9]])
    assert record.source == {"dataset": "mine"}


def test_absent_lists_are_empty(write: Callable) -> None:
    (record,) = read_manifest(write({"file_name": "a.png", "width": 4, "height": 3}, photos=False))
    assert record.crops_xyxy.shape == (0, 4) and record.pairs == () and record.persons_xyxy.shape == (0, 4)
    assert record.scores.shape == (0,) and record.source == {}


def test_boxes_over_the_border_are_clipped_and_counted_once(
    write: Callable, row: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [{"a": [0, 0, 0.5, 0.5], "b": [0.5, 0.5, 1, 1.125], "votes_a": 3, "votes_b": 2}]
    folder = write(row("a", **crop(-0.03, 0.1, 0.9, 1.02)), row("b", pairs=pairs), row("c"), photos=False)
    with caplog.at_level(logging.WARNING):
        first, second, _ = read_manifest(folder)
    np.testing.assert_array_equal(first.crops_xyxy, [[0, 0.1, 0.9, 1]])
    assert second.pairs[0].b_xyxy == (0.5, 0.5, 1, 1)
    (message,) = caplog.messages
    assert "2 boxes reach over the border, by at most 0.12 of a side" in message and "metadata.jsonl" in message


def test_a_clean_manifest_says_nothing(write: Callable, row: Callable, caplog: pytest.LogCaptureFixture) -> None:
    read_manifest(write(row("a"), row("b"), photos=False))
    assert caplog.messages == []


def test_reading_one_by_one_stops_nowhere_before_the_fault(write: Callable, row: Callable) -> None:
    records = iter_manifest(write(row("a"), "not json", photos=False))
    assert next(records).file_name == "images/a.png"
    with pytest.raises(UsageError, match="line 2"):
        next(records)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("not json", "not a photo record"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "expected an object"),
        ({"file_name": None}, "file_name"),
        ({"file_name": ""}, "file_name"),
        ({"file_name": "/etc/a.png"}, "leads out of the folder"),
        ({"file_name": "images/../../a.png"}, "leads out of the folder"),
        ({"file_name": "images\\..\\..\\a.png"}, "leads out of the folder"),
        ({"file_name": "C:\\a.png"}, "leads out of the folder"),
        ({"file_name": "images/a\nb.png"}, "line break"),
        ({"file_name": "images/\ud800.png"}, "no file name can have"),
        ({"width": "wide"}, "width must be a whole number"),
        ({"width": 40.5}, "width must be a whole number"),
        ({"height": 0}, "height must be a whole number"),
        ({"height": True}, "height must be a whole number"),
        ({"source": []}, "source must be an object"),
        ({"crops": None}, "crops must be a list"),
        ({"crops": [[0, 0, 1, 1]]}, "crop 0 must be an object"),
        ({"crops": [{"score": 1}]}, "crop 0 must be four finite numbers"),
        (crop(0, 0, 1), "crop 0 must be four finite numbers"),
        (crop(0, 0, 1, "1"), "crop 0 must be four finite numbers"),
        (crop(0, 0, 1, float("nan")), "crop 0 must be four finite numbers"),
        (crop(0, 0, 1, float("inf")), "crop 0 must be four finite numbers"),
        (crop(0, 0, 1, 10**400), "crop 0 must be four finite numbers"),
        ({"pairs": [None]}, "pair 0 must be an object"),
        (crop(0.6, 0, 0.4, 1), "swapped"),
        (crop(0.4, 0, 0.4, 1), "empty"),
        (crop(0, 0, 1, 1.3), "outside the photo"),
        (crop(1.0, 0, 1.2, 1), "outside the photo"),
        (crop(10, 20, 30, 40), "outside the photo"),
        (crop(0, 0, 1, 1, score="3"), "score of crop 0"),
        (crop(0, 0, 1, 1, score=None), "score of crop 0"),
        (crop(0, 0, 1, 1, score=True), "score of crop 0"),
        (crop(0, 0, 1, 1, score=float("nan")), "score of crop 0"),
        ({"pairs": [{"a": [0, 0, 1, 1], "votes_a": 1, "votes_b": 2}]}, "pair 0 b must be four"),
        ({"pairs": [{"a": [0, 0, 1, 1], "b": [0, 0, 1, 1], "votes_a": -1, "votes_b": 2}]}, "votes_a of pair 0"),
        ({"pairs": [{"a": [0, 0, 1, 1], "b": [0, 0, 1, 1], "votes_a": 1}]}, "votes_b of pair 0"),
        ({"persons": [[0, 0, 0, 1]]}, "person 0"),
    ],
)
def test_a_bad_line_is_named_with_the_way_out(write: Callable, row: Callable, bad: object, word: str) -> None:
    folder = write(row("a"), row("b") | bad if isinstance(bad, dict) else bad, photos=False)
    with pytest.raises(UsageError, match=word) as caught:
        read_manifest(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'metadata.jsonl'}, line 2: ")
    assert f"cadrage data check {folder}" in message
    assert "\n" not in message


@pytest.mark.parametrize("again", ["images/a.png", "images//a.png", "./images/a.png"])
def test_a_photo_named_twice_is_refused(write: Callable, row: Callable, again: str) -> None:
    folder = write(row("a"), row("b"), row(file_name=again), photos=False)
    with pytest.raises(UsageError, match=r"line 3: .*stands in line 1 already"):
        read_manifest(folder)


def test_line_ends_inside_names_do_not_split_lines(write: Callable, row: Callable) -> None:
    text = json.dumps(row("a\u2028b\x85"), ensure_ascii=False)
    (record,) = read_manifest(write("\ufeff" + text, "", photos=False))
    assert record.file_name == "images/a\u2028b\x85.png"


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_bytes(b'{"file_name":"\xff"}\n')
    with pytest.raises(UsageError, match="line 1: not a photo record"):
        read_manifest(tmp_path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no metadata\.jsonl"):
        read_manifest(tmp_path)


def test_the_hash_follows_the_content(write: Callable, row: Callable) -> None:
    first = manifest_sha256(write(row("a"), photos=False))
    assert manifest_sha256(write(row("a"), photos=False)) == first
    assert manifest_sha256(write(row("a"), row("b"), photos=False)) != first


def test_unreadable_photos_are_left_out_and_named(
    write: Callable, row: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(row("a"), row("gone"))
    (folder / "images" / "gone.png").unlink()
    readable, pixels = load_photos(read_manifest(folder), max_side=20)
    assert [record.file.name for record in readable] == ["a.png"]
    assert pixels[0].shape == (15, 20, 3)
    assert "gone.png" in caplog.text
