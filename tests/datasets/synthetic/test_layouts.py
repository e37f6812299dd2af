"""Drawn photos look like the published files, and their labels follow the quality."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.datasets.conversion.convert import convert
from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.readers import read_dataset
from cadrage.datasets.synthetic import LAYOUTS, quality, write_synthetic
from cadrage.datasets.synthetic.rated import scene_photos
from cadrage.errors import UsageError

SIDES = (64, 96)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Callable[[str], Path]:
    """A function that draws a few photos in a layout, once."""

    def make(layout: str) -> Path:
        folder = root / layout
        if not folder.exists():
            write_synthetic(folder, few(layout), 2, layout=layout, sides=SIDES, persons=True)
        return folder

    root = tmp_path_factory.mktemp("raw")
    return make


def few(layout: str) -> dict[str, int]:
    return dict.fromkeys(LAYOUTS[layout].photos, 8)


def scenes(layout: str) -> dict[str, object]:
    """The truth behind the photos of a layout, by the beginning of their names."""
    salt = LAYOUTS[layout].salt
    return {photo.name: photo.scene for photo in scene_photos(few(layout), 2, SIDES, True, salt)}


def test_cpc_has_json_within_a_json_string_and_six_grades_of_24_crops(raw):
    files = sorted((raw("cpc") / "CollectedAnnotationsRaw").iterdir())
    assert len(files) == 8 and all((raw("cpc") / "images" / file.name[:-4]).is_file() for file in files)
    for file in files:
        (line,) = file.read_text().splitlines()
        content = json.loads(json.loads(line))
        grades, boxes = np.array(content["scores"]), np.array(content["bboxes"])
        assert grades.shape == (6, 24) and boxes.shape == (24, 4)
        assert grades.min() >= 0 and grades.max() <= 4 and grades.dtype.kind == "i"
        ratio = (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])
        for group, expected in enumerate((1, 4 / 3, 3 / 4, 16 / 9)):
            # Small boxes in whole pixels.
            np.testing.assert_allclose(ratio[6 * group : 6 * group + 6], expected, rtol=0.1)
    people = json.loads((raw("cpc") / "human_bboxes.json").read_text())
    assert people and all(each.keys() == {"bbox", "weight", "height"} for each in people.values())


def test_flms_has_ten_rows_a_photo_some_of_which_fill_the_table_up(raw):
    from scipy.io import loadmat

    table = loadmat(raw("flms") / "500_image_dataset.mat")["img_gt"]
    assert table.shape == (8, 1)
    rows = [np.asarray(row[0][1]) for row in table]
    assert {each.shape for each in rows} == {(10, 4)}
    assert [int((each < 0).all(axis=1).sum()) for each in rows] == [0, 0, 0, 0, 1, 0, 0, 0]


def test_fcdb_has_a_crop_a_photo_and_ten_pairs_with_five_votes(raw):
    for split in ("training", "testing"):
        crops = json.loads((raw("fcdb") / f"cropping_{split}_set.json").read_text())
        assert len(crops) == 8 and all(len(each["crop"]) == 4 for each in crops)
    ranking = json.loads((raw("fcdb") / "ranking_annotation.json").read_text())
    assert len(ranking) == 16
    for photo in ranking:
        assert len(photo["crops"]) == 10
        assert {pair["vote_for_0"] + pair["vote_for_1"] for pair in photo["crops"]} == {5}


def test_annotations_of_gaicd_v1_lie_in_one_folder(raw):
    folder = raw("gaicd-v1")
    assert {each.suffix for each in (folder / "annotations").iterdir()} == {".txt"}
    assert {each.name for each in (folder / "images").iterdir()} == {"train", "test"}
    (line, *_) = next((folder / "annotations").iterdir()).read_text().splitlines()
    assert len(line.split()) == 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_people_like_what_is_good(raw, tmp_path, layout):
    """Scores rise with the quality; chosen crops and winners of pairs are better than others."""
    convert(read_dataset(layout.partition("-")[0], raw(layout)), tmp_path / "data")
    truth, better = scenes(layout), []
    for record in read_manifest(tmp_path / "data"):
        scene = truth[record.file.stem.partition("_")[0]]
        if record.pairs:
            for pair in record.pairs:
                first, second = quality(scene, [pair.a_xyxy, pair.b_xyxy])
                better.append((first - second) * (pair.votes_a - pair.votes_b))
        elif layout == "flms":
            better.append(quality(scene, record.crops_xyxy).mean() - 2.5)
        else:
            better.append(np.corrcoef(quality(scene, record.crops_xyxy), record.scores)[0, 1])
    assert np.mean(better) > 0.2


def test_layouts_show_other_photos_for_the_same_seed():
    textures = [{scene.texture for scene in scenes(layout).values()} for layout in LAYOUTS]
    assert len(set().union(*textures)) == sum(map(len, textures))


def test_an_unknown_layout_is_told(tmp_path):
    with pytest.raises(UsageError, match="layout gaicd-v3: no such layout; did you mean 'gaicd-v1'"):
        write_synthetic(tmp_path / "raw", layout="gaicd-v3")
    assert not (tmp_path / "raw").exists()
