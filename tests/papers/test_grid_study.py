"""Table 2 of grid anchors: crops per photo of ten grids, and their ratings where they were rated."""

import json
from pathlib import Path

import numpy as np
import pytest

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import grid_anchors
from cadrage.papers.grid_study import GRIDS, count, study
from cadrage.papers.tables import difference, markdown


def photo(size_wh: tuple[int, int], scores: np.ndarray, name: str = "a.jpg") -> PhotoRecord:
    crops = grid_anchors(size_wh)
    none = np.zeros((0, 4))
    return PhotoRecord(name, Path(name), size_wh, crops, scores[: len(crops)], (), none, {})


@pytest.mark.parametrize(("size_wh", "expected"), [((1000, 1000), 90), ((1024, 768), 87), ((1000, 667), 83)])
def test_the_grid_of_the_data_set_allows_what_it_does_in_other_places(size_wh, expected):
    found = count([photo(size_wh, np.full(90, 3.0))], 12, 4)
    assert found["crops_per_photo"].mean == expected


def test_counts_without_the_limits_of_shape_are_those_of_the_rule():
    """In a square no crop of these grids is more elongated than 2 : 1 but a few of the large ones."""
    worked = {(10, 3): 31, (10, 4): 35, (12, 3): 62, (12, 4): 90, (12, 5): 94}
    for (bins, corners), expected in worked.items():
        assert len(grid_anchors(None, bins, corners)) == expected
        counted = count([photo((1000, 1000), np.full(90, 3.0))], bins, corners)["crops_per_photo"].mean
        assert 0.9 * expected <= counted <= expected


def test_opinions_are_counted_by_crop_and_a_border_belongs_to_the_upper_share():
    scores = np.full(90, 2.0)
    scores[:9] = 4.0
    scores[9:18] = 5.0
    scores[18:27] = 1.5
    found = count([photo((1000, 1000), scores)], 12, 4)
    shares = [found[f"rated_{low}_to_{low + 1}"].mean for low in range(1, 5)]
    assert shares == pytest.approx([0.1, 0.7, 0.0, 0.2])


def test_the_smaller_grid_has_the_ratings_of_its_own_crops():
    size = (1000, 1000)
    crops = grid_anchors(size)
    inside = (crops[:, :2] < 3 / 12).all(axis=1) & (crops[:, 2:] > 9 / 12).all(axis=1)
    assert inside.sum() == len(grid_anchors(size, 12, 3))
    found = count([photo(size, np.where(inside, 4.5, 1.5))], 12, 3)
    assert found["rated_4_to_5"].mean == 1.0
    assert "rated_4_to_5" not in count([photo(size, np.full(90, 3.0))], 12, 5)


def test_the_table_holds_the_published_numbers_and_ours_of_the_data_that_are_there(grid_places):
    data, _ = grid_places
    counts, ratings = study(data)
    published = {row.method: [cell.published for cell in row.cells] for row in (*counts.rows, *ratings.rows)}
    assert len(counts.rows) == len(GRIDS) and published["12 x 12 bins, corners in 4 x 4"] == [
        0.129,
        0.304,
        0.498,
        0.078,
    ]
    assert [row.cells[0].published for row in counts.rows][3:5] == [58.4, 82.5]
    assert {row.cells[0].ours.n for row in counts.rows} == {6}
    assert not [cell for row in (*counts.rows, *ratings.rows) for cell in row.cells if difference(cell) is not None]
    assert "82.5" in markdown(counts) and "n 6 of gaicd-v2, published for 100 others" in markdown(counts)
    assert "not rated" in markdown(ratings)


def test_without_data_the_published_numbers_stand_alone_with_the_reason(tmp_path):
    counts, _ = study(tmp_path)
    assert {row.cells[0].missing for row in counts.rows} == {f"not counted: {tmp_path} has no gaicd-v2 and no gaicd-v1"}


def test_a_report_of_any_run_has_the_study(grid_places, tmp_path):
    from cadrage.papers.grid_anchor import PAPER
    from cadrage.papers.paper import Places, Training

    data, recipes = grid_places
    trainings = [Training(run, reason="not asked for") for run in PAPER.plan(recipes).runs]
    report = PAPER.lay_out(trainings, Places(data, recipes, tmp_path / "out"))
    assert [table.number for table in report.tables] == ["2", "2, ratings", "3", "4", "5", "6", "v1"]
    assert json.dumps([row.method for row in report.tables[0].rows]).count("bins") == len(GRIDS)
