"""One pair of lists of a data set serves every paper, on the whole data set and on a few photos of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.datasets.splits import draw_split, read_split
from cadrage.errors import UsageError
from cadrage.papers.held_back import CPC, GAICD_V1, DrawnSplit, draw_missing
from cadrage.papers.names import PAPERS, RECIPES
from cadrage.training.run import read_recipe

SPLITS = (GAICD_V1, CPC)
ENTRIES = ("cpc:train", "cpc:val")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cpc(tmp_path: Path) -> Callable[[int], Path]:
    """A function that writes a data set ``cpc`` of so many photos and no split."""

    def make(photos: int) -> Path:
        folder = tmp_path / "cpc"
        folder.mkdir()
        names = (f"images/{number}.jpg" for number in range(photos))
        rows = ({"file_name": name, "width": 4, "height": 3, "crops": [], "pairs": [], "persons": []} for name in names)
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return make


def sizes(folder: Path) -> dict[str, int]:
    return {file.stem: len(file.read_text().split()) for file in sorted((folder / "splits").iterdir())}


def test_every_recipe_on_cpc_and_gaicd_v1_learns_and_chooses_on_the_same_photos():
    """So that no paper needs lists which those of another one keep from being drawn."""
    for folder, drawn in (("cpc", CPC), ("gaicd-v1", GAICD_V1)):
        found = set()
        for paper in PAPERS:
            for file in (RECIPES / paper).glob("*.toml"):
                if file.name not in ("runs.toml", "tables.toml"):
                    recipe = read_recipe(file)
                    entries = (*getattr(recipe, "train", ()), *getattr(recipe, "validate", ()))
                    found |= {entry for entry in entries if entry.startswith(f"{folder}:")}
        assert found == {f"{folder}:{drawn.rest}", f"{folder}:val"}
    assert all(PAPERS[name].description().drawn_splits == SPLITS for name in PAPERS)


@pytest.mark.parametrize(("photos", "chosen"), [(2, 1), (12, 1), (60, 6), (10_797, 1000)])
def test_a_tenth_of_a_small_copy_is_drawn_and_the_published_number_of_the_whole(cpc, tmp_path, said, photos, chosen):
    folder = cpc(photos)
    draw_missing(tmp_path, ENTRIES, SPLITS, said.append)
    assert sizes(folder) == {"train": photos - chosen, "val": chosen}
    (line,) = said
    assert f"the other {photos - chosen} are 'train'" in line
    assert ("papers hold back 1,000" in line) == (chosen < 1000)
    draw_missing(tmp_path, ENTRIES, SPLITS, said.append)
    assert len(said) == 1


def test_one_photo_is_too_few(cpc, tmp_path, said):
    folder = cpc(1)
    with pytest.raises(UsageError, match="1 photo in 'all'; it takes one to learn from and one to choose on"):
        draw_missing(tmp_path, ENTRIES, SPLITS, said.append)
    assert not (folder / "splits").exists() and not said


def test_photos_that_an_earlier_version_held_back_stay_and_the_others_are_learned_from(cpc, tmp_path, said):
    """It drew 1,080 photos of CPC and called the rest ``fit``."""
    folder = cpc(40)
    chosen, rest = draw_split(folder, "all", name="val", rest="fit", seed=42, take=4)
    draw_missing(tmp_path, ENTRIES, SPLITS, said.append)
    assert read_split(folder, "val") == chosen and read_split(folder, "train").file_names == rest.file_names
    (line,) = said
    assert "it is the 36 photos that are not among the 4 of 'val'; papers hold back 1,000" in line


def test_a_rest_without_what_was_held_back_is_told_with_the_way_out(cpc, tmp_path, said):
    folder = cpc(40)
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text("images/1.jpg\n")
    with pytest.raises(UsageError, match=r"has a split 'train' but no 'val'; move train\.txt away to have both drawn"):
        draw_missing(tmp_path, ENTRIES, SPLITS, said.append)
    assert sizes(folder) == {"train": 1}


def test_nothing_is_left_to_learn_from(cpc, tmp_path, said):
    folder = cpc(2)
    (folder / "splits").mkdir()
    (folder / "splits" / "val.txt").write_text("images/0.jpg\nimages/1.jpg\n")
    with pytest.raises(UsageError, match="'val' holds every photo of 'all'"):
        draw_missing(tmp_path, ENTRIES, SPLITS, said.append)


def test_lists_that_no_recipe_names_are_not_drawn(cpc, tmp_path, said):
    folder = cpc(12)
    draw_missing(tmp_path, ("cpc:mine",), SPLITS, said.append)
    draw_missing(tmp_path, ENTRIES, (DrawnSplit("other", "all", 1, "train"),), said.append)
    assert not (folder / "splits").exists() and not said
