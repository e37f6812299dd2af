from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.datasets.splits import draw, draw_split, make_split, read_split
from cadrage.errors import CadrageError, OutputError, UsageError

NAMES = [f"images/{number}.jpg" for number in range(40)]


def test_the_parts_are_disjoint_complete_and_in_order() -> None:
    for how in ({"take": 7}, {"every": 3}):
        drawn, rest = draw(NAMES, seed=1, **how)
        assert sorted(drawn + rest) == sorted(NAMES)
        assert [name for name in NAMES if name in drawn] == drawn
        assert [name for name in NAMES if name in rest] == rest


def test_sizes() -> None:
    assert len(draw(NAMES, seed=1, take=7)[0]) == 7
    assert len(draw(NAMES, seed=1, every=3)[0]) == 14


def test_the_order_of_the_names_does_not_matter_and_the_seed_does() -> None:
    drawn = draw(NAMES, seed=1, take=10)[0]
    assert set(draw(NAMES[::-1], seed=1, take=10)[0]) == set(drawn)
    assert set(draw(NAMES, seed=2, take=10)[0]) != set(drawn)


def test_a_smaller_draw_lies_in_a_larger_one() -> None:
    assert set(draw(NAMES, seed=1, take=5)[0]) < set(draw(NAMES, seed=1, take=10)[0])


def test_the_draw_is_the_documented_one() -> None:
    """By hand: sha256sum of 0/a, 0/b, 0/c begins with d3, 7d, 28."""
    assert draw(["a", "b", "c"], seed=0, take=1) == (["c"], ["a", "b"])


@pytest.mark.parametrize(
    "how", [{}, {"take": 3, "every": 3}, {"take": 0}, {"take": 40}, {"every": 1}, {"every": 41}, {"take": -1}]
)
def test_unfit_numbers_are_refused(how: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"--take|--every"):
        draw(NAMES, seed=1, **how)


def test_files_are_written_and_read_back(write: Callable, row: Callable) -> None:
    folder = write(*map(row, "abcdef"), photos=False)
    dev, fit = draw_split(folder, "all", name="dev", rest="fit", seed=3, take=2)
    assert (read_split(folder, "dev"), read_split(folder, "fit")) == (dev, fit)
    assert (len(dev.file_names), len(fit.file_names)) == (2, 4)
    inner, outer = draw_split(folder, "fit", name="x", rest="y", seed=3, every=2)
    assert make_split("fit", inner.file_names + outer.file_names).sha256 == fit.sha256


@pytest.mark.parametrize("taken", ["dev", "fit"])
def test_nothing_is_overwritten(write: Callable, row: Callable, list_split: Callable, taken: str) -> None:
    folder = write(*map(row, "abc"), photos=False)
    file = list_split(folder, taken, "a")
    with pytest.raises(OutputError, match="it exists"):
        draw_split(folder, "all", name="dev", rest="fit", seed=3, take=2)
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.read_text() == "images/a.png\n"


@pytest.mark.parametrize(
    ("source", "name", "rest", "word"),
    [
        ("none", "dev", "fit", "no split 'none'"),
        ("odd", "dev", "fit", r"1 photos such as images/x\.png are not in the manifest"),
        ("all", "all", "fit", "split name 'all'"),
        ("all", "../dev", "fit", "split name"),
        ("all", "dev", "", "split name"),
        ("all", "dev", "dev", "given twice"),
    ],
)
def test_unfit_names_are_refused(
    write: Callable, row: Callable, list_split: Callable, source: str, name: str, rest: str, word: str
) -> None:
    folder = write(*map(row, "abc"), photos=False)
    list_split(folder, "odd", "abx")
    with pytest.raises(CadrageError, match=word):
        draw_split(folder, source, name=name, rest=rest, seed=3, take=2)
    assert [file.name for file in Path(folder / "splits").iterdir()] == ["odd.txt"]
