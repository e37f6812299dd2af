import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import manifest_sha256, read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.datasets.splits import split_by_photo_id, split_every_nth
from cadrage.errors import UsageError

ROW = {
    "file_name": "images/a.png",
    "width": 40,
    "height": 30,
    "crops": [{"box": [-0.01, 0.1, 0.9, 1.02], "score": 1.0}],
    "pairs": [{"a": [0, 0, 0.5, 0.5], "b": [0.5, 0.5, 1, 1.001], "votes_a": 3, "votes_b": 2}],
    "persons": [[0.1, 0.1, 0.3, 0.9]],
    "source": {"flickr_photo_id": 14},
}


def write(folder: Path, *rows: object) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_boxes_are_clipped_and_typed(tmp_path: Path) -> None:
    (record,) = read_manifest(write(tmp_path, ROW))
    np.testing.assert_array_equal(record.crops_xyxy, [[0, 0.1, 0.9, 1]])
    assert record.pairs[0].b_xyxy == (0.5, 0.5, 1, 1) and record.pairs[0].votes_a == 3
    assert record.persons_xyxy.shape == (1, 4) and record.size_wh == (40, 30)


def test_absent_lists_are_empty(tmp_path: Path) -> None:
    (record,) = read_manifest(write(tmp_path, {"file_name": "a.png", "width": 4, "height": 3}))
    assert record.crops_xyxy.shape == (0, 4) and record.pairs == () and record.persons_xyxy.shape == (0, 4)


@pytest.mark.parametrize("bad", ["not json", {"width": 3}, ROW | {"width": "wide"}, ROW | {"crops": [{"box": [1]}]}])
def test_a_bad_line_is_named(tmp_path: Path, bad: object) -> None:
    with pytest.raises(UsageError, match="line 2") as caught:
        read_manifest(write(tmp_path, ROW, bad))
    assert "\n" not in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no metadata\.jsonl"):
        read_manifest(tmp_path)


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    first = manifest_sha256(write(tmp_path, ROW))
    assert manifest_sha256(write(tmp_path, ROW)) == first != manifest_sha256(write(tmp_path, ROW, ROW))


def test_splits_are_disjoint_and_complete(tmp_path: Path) -> None:
    rows = [ROW | {"file_name": f"{index}.png", "source": {"flickr_photo_id": index}} for index in range(20)]
    records = read_manifest(write(tmp_path, *rows))
    fit, dev = split_by_photo_id(records)
    assert [record.source["flickr_photo_id"] for record in dev] == [0, 7, 14]
    assert len(fit) + len(dev) == 20
    fit, dev = split_every_nth(records)
    assert [record.file.name for record in dev] == ["0.png", "5.png", "10.png", "15.png"]
    assert len(fit) + len(dev) == 20


def test_unreadable_photos_are_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "images" / "a.png")
    records = read_manifest(write(tmp_path, ROW, ROW | {"file_name": "images/gone.png"}))
    readable, pixels = load_photos(records, max_side=20)
    assert [record.file.name for record in readable] == ["a.png"]
    assert pixels[0].shape == (15, 20, 3)
    assert "gone.png" in caplog.text
