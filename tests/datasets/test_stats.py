import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import manifest_sha256
from cadrage.datasets.plot import draw_stats
from cadrage.datasets.splits import make_split
from cadrage.datasets.stats import QUANTILES, QUANTITIES, Bar, dataset_stats, histogram
from cadrage.errors import UsageError


def test_counts_and_quantiles_of_two_photos(write: Callable, row: Callable, list_split: Callable) -> None:
    folder = write(row("a"), row("b", crops=[], pairs=[], persons=[], width=30), photos=False)
    list_split(folder, "train", "a")
    stats = dataset_stats(folder)
    assert (stats.photos, stats.crops, stats.pairs, stats.votes) == (2, 2, 1, 5)
    assert (stats.persons, stats.photos_with_persons) == (1, 1)
    assert stats.manifest_sha256 == manifest_sha256(folder)
    assert stats.splits == (make_split("train", ["images/a.png"]),) and stats.split is None
    expected = {
        "crops_per_photo": [0, 2],
        "score": [2, 3],
        "crop_area": [0.375, 0.56],
        "crop_ratio": [0.5 * 40 / (0.75 * 30), 0.8 * 40 / (0.7 * 30)],
        "best_crop_area": [0.56],
        "photo_ratio": [1, 4 / 3],
        "person_area": [0.16],
    }
    assert expected.keys() == QUANTITIES.keys()
    for quantity, values in expected.items():
        np.testing.assert_allclose(np.sort(stats.values[quantity]), values)
    found = stats.quantiles("score")
    assert found is not None
    assert list(found) == ["mean", *QUANTILES]
    assert (found["min"], found["25%"], found["median"], found["max"], found["mean"]) == (2, 2.25, 2.5, 3, 2.5)


def test_all_crops_with_the_highest_score_are_best(write: Callable, row: Callable) -> None:
    boxes = ([0, 0, 0.5, 1], [0, 0, 1, 0.25], [0, 0, 1, 1])
    tied = [{"box": box, "score": score} for box, score in zip(boxes, (4, 4, 3), strict=True)]
    stats = dataset_stats(write(row("a", crops=tied), photos=False))
    assert stats.values["best_crop_area"].tolist() == [0.5, 0.25]


def test_one_split_is_the_same_as_a_manifest_of_its_photos(
    write: Callable, row: Callable, list_split: Callable
) -> None:
    crops = [{"box": [0, 0, 0.5, 0.5], "score": 5}]
    rows = [row("a"), row("b", crops=crops), row("c", pairs=[])]
    split = dataset_stats(write(*rows, photos=False), str(list_split(write(*rows, photos=False), "x", "ca")))
    assert split.split is not None and split.split.name == "x"
    alone = dataset_stats(write(rows[0], rows[2], photos=False))
    assert (split.photos, split.crops, split.votes, split.scores) == (2, alone.crops, alone.votes, alone.scores)
    for quantity in QUANTITIES:
        np.testing.assert_array_equal(split.values[quantity], alone.values[quantity])


def test_the_order_of_the_photos_does_not_matter(write: Callable, row: Callable) -> None:
    rows = [row("a"), row("b", crops=[{"box": [0, 0, 0.5, 0.5], "score": 5}], width=90)]
    there, back = (dataset_stats(write(*order, photos=False)).to_dict() for order in (rows, rows[::-1]))
    for each in (there, back):
        each.pop("manifest_sha256")
    assert there == back


def test_a_split_that_names_unknown_photos_is_refused(write: Callable, row: Callable, list_split: Callable) -> None:
    folder = write(row("a"), photos=False)
    list_split(folder, "train", "abc")
    with pytest.raises(UsageError, match="split train: 2 of 3 photos are not in the manifest"):
        dataset_stats(folder, "train")


def test_the_packaged_splits_are_those_of_the_converted_data_set(write: Callable, row: Callable) -> None:
    folder = write(row("a"), photos=False)
    with pytest.raises(UsageError, match="no split 'dev'"):
        dataset_stats(folder, "dev")
    (folder / "conversion.json").write_text('{"dataset": "flms"}')
    with pytest.raises(UsageError, match="split dev: 50 of 50 photos are not in the manifest"):
        dataset_stats(folder, "dev")


def test_an_empty_manifest_has_statistics_too(write: Callable) -> None:
    stats = dataset_stats(write("", photos=False))
    assert stats.photos == 0 and stats.scores == ()
    assert all(stats.quantiles(quantity) is None for quantity in QUANTITIES)
    assert json.loads(json.dumps(stats.to_dict(), allow_nan=False))["quantiles"]["score"] is None
    assert draw_stats(stats)


def test_few_different_scores_are_a_bar_each() -> None:
    assert histogram(np.array([1.0, 2.0, 1.0])) == (Bar(1, 1, 2), Bar(2, 2, 1))


def test_many_different_scores_are_binned_and_none_is_lost() -> None:
    bars = histogram(np.linspace(0, 1, 1000), bins=4)
    assert [bar.low for bar in bars] == [0, 0.25, 0.5, 0.75] and bars[-1].high == 1
    assert sum(bar.count for bar in bars) == 1000


def test_every_photo_of_the_manifest_is_progress(write: Callable, row: Callable, list_split: Callable) -> None:
    folder = write(*map(row, "abc"), photos=False)
    list_split(folder, "train", "a")
    calls: list[int] = []
    dataset_stats(folder, "train", advance=lambda: calls.append(1))
    assert len(calls) == 3


@pytest.mark.parametrize("crops", [0, 1, 3])
def test_the_drawing_is_a_png_that_repeats(write: Callable, row: Callable, list_split: Callable, crops: int) -> None:
    rows = [
        row(f"p{n}", crops=[{"box": [0, 0, 0.5, (n + k) / 9], "score": k} for k in range(1, crops + 1)])
        for n in range(crops + 1)
    ]
    folder = write(*rows, photos=False)
    for name in "abcdefghijk":
        list_split(folder, f"split $ {name} with a long name", ["p0"])
    stats = dataset_stats(folder)
    png = draw_stats(stats)
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.size) == ("PNG", (1650, 960))
        assert len(image.getcolors(1 << 24) or []) > 50
    assert draw_stats(stats) == png


def test_drawing_leaves_the_settings_of_matplotlib_alone(write: Callable, row: Callable) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_stats(dataset_stats(write(row("a"), photos=False)))
    assert dict(matplotlib.rcParams) == before
