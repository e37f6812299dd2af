import json
from pathlib import Path

import numpy as np
import pytest

from cadrage.datasets.conversion.convert import convert
from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.readers import read_dataset
from cadrage.datasets.splits import read_split
from cadrage.datasets.synthetic import drawn_photos, paint, quality, write_synthetic
from cadrage.errors import OutputError, UsageError
from cadrage.geometry import from_pixels, grid_anchors

FEW = {"train": 3, "val": 1, "test": 2}


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_more_photos_begin_with_the_same(tmp_path):
    for name, photos, seed in (("a", FEW, 1), ("b", FEW, 1), ("more", FEW | {"train": 5}, 1), ("other", FEW, 2)):
        write_synthetic(tmp_path / name, photos, seed)
    a, b, more, other = (content(tmp_path / name) for name in ("a", "b", "more", "other"))
    assert a == b and a.items() < more.items()
    assert len(a) == 12 and a.keys() == other.keys() and not a.items() & other.items()


def test_annotations_are_as_published(tmp_path):
    write_synthetic(tmp_path, FEW)
    for photo in drawn_photos(FEW):
        text = (tmp_path / "annotations" / photo.split / f"{photo.name}.txt").read_bytes().decode()
        assert text.endswith("\n") and "\r" not in text
        rows = [line.split(" ") for line in text.splitlines()]
        assert len(rows) == 90 and all(row[4][-3] == "." for row in rows), "two decimals"
        y1, x1, y2, x2, scores = np.array(rows, dtype=float).T
        width, height = photo.scene.size_wh
        expected = grid_anchors() * (width, height, width, height)
        assert np.abs(np.stack([x1, y1, x2, y2], axis=1) - expected).max() <= 0.5
        rated = scores != -2
        assert rated.sum() == len(grid_anchors(photo.scene.size_wh))
        sevenths = scores[rated] * 7
        assert (abs(sevenths - np.rint(sevenths)) <= 0.035).all() and (scores[rated] >= 1).all() and scores.max() <= 5


def test_unrated_candidates_exist_in_elongated_photos_only():
    photos = list(drawn_photos({"train": 40}))
    unrated = {photo.scene.size_wh: int((photo.scores == -2).sum()) for photo in photos}
    assert max(unrated.values()) >= 3
    assert all(count == 0 for (width, height), count in unrated.items() if width == height)


def test_raters_disagree_a_little_and_follow_the_quality():
    photos = list(drawn_photos({"test": 40}))
    errors = np.concatenate(
        [
            (photo.scores - quality(photo.scene, from_pixels(photo.boxes_xyxy_px, photo.scene.size_wh)))[rated]
            for photo in photos
            for rated in [photo.scores > 0]
        ]
    )
    assert abs(errors.mean()) < 0.05 and 0.1 < errors.std() < 0.3


def test_conversion_finds_all_of_it(tmp_path):
    write_synthetic(tmp_path / "drawn", FEW, 3, persons=True)
    result = convert(read_dataset("gaicd", tmp_path / "drawn"), tmp_path / "manifest", photos="copy")
    assert result.counts["photos"] == 6
    records = {record.file.stem: record for record in read_manifest(tmp_path / "manifest")}
    for photo in drawn_photos(FEW, 3, persons=True):
        record, rated = records[photo.name], photo.scores > 0
        assert record.size_wh == photo.scene.size_wh
        boxes = from_pixels(photo.boxes_xyxy_px[rated], photo.scene.size_wh)
        np.testing.assert_allclose(record.crops_xyxy, boxes, atol=1e-6)
        np.testing.assert_allclose(record.scores, photo.scores[rated], atol=0.0051)
        person = [photo.scene.subject.box_xyxy] if photo.scene.subject.is_person else []
        assert record.persons_xyxy.shape == (len(person), 4)
        np.testing.assert_allclose(record.persons_xyxy, np.reshape(person, (-1, 4)), atol=0.5 / 160 + 1e-6)
        assert record.file.name in {
            Path(name).name for name in read_split(tmp_path / "manifest", photo.split).file_names
        }


def test_person_boxes_are_written_when_persons_are_drawn(tmp_path):
    write_synthetic(tmp_path / "with", {"train": 12}, persons=True)
    write_synthetic(tmp_path / "without", {"train": 2})
    boxes = json.loads((tmp_path / "with" / "human_bboxes.json").read_text())
    assert 5 < len(boxes) < 12
    for photo in drawn_photos({"train": 12}, persons=True):
        assert photo.scene.subject.is_person == (f"{photo.name}.jpg" in boxes)
        assert paint(photo.scene).shape[1::-1] == photo.scene.size_wh
    assert not (tmp_path / "without" / "human_bboxes.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"photos": {"dev": 3}}, "split 'dev'"),
        ({"photos": {"train": -1}}, "-1 photos for train"),
        ({"photos": {"train": 0, "test": 0}}, "0 photos"),
        ({"photos": {}}, "0 photos"),
        ({"photos": {"train": 1}, "sides": (200, 256)}, "sides 200 to 256"),
        ({"photos": {"train": 1}, "sides": (32, 256)}, "sides 32 to 256"),
        ({"photos": {"train": 1}, "seed": -1}, "seed -1"),
    ],
)
def test_impossible_wishes_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        write_synthetic(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tmp_path):
    write_synthetic(tmp_path / "drawn", {"train": 1})
    before = content(tmp_path)
    with pytest.raises(UsageError, match="not an empty folder"):
        write_synthetic(tmp_path / "drawn", {"train": 1}, 1)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_synthetic(tmp_path / "file", {"train": 1})
    with pytest.raises(OutputError, match="cannot write to"):
        write_synthetic(tmp_path / "file" / "below", {"train": 1})
    (tmp_path / "file").unlink()
    assert content(tmp_path) == before


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_synthetic(tmp_path / "drawn", {"train": 2}, advance=interrupted)
    assert not any((tmp_path / "drawn").iterdir())
    steps: list[int] = []
    write_synthetic(tmp_path / "drawn", {"train": 2}, advance=lambda: steps.append(1))
    assert len(steps) == 2 and sorted(each.name for each in (tmp_path / "drawn").iterdir()) == ["annotations", "images"]
