"""Writes drawn photos in the form in which a data set is published, for ``cadrage data convert`` to read."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from cadrage.datasets.synthetic.layouts import LAYOUTS, Layout
from cadrage.datasets.synthetic.rated import ScenePhoto, check_wishes, scene_photos
from cadrage.errors import OutputError, UsageError


def write_synthetic(
    folder: Path,
    photos: Mapping[str, int] | None = None,
    seed: int = 0,
    *,
    layout: str = "gaicd",
    sides: tuple[int, int] = (160, 256),
    persons: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write a drawn data set to a new or empty ``folder``; the same arguments give the same bytes.

    Nothing is there until all of it is drawn, so that an interruption leaves no data set with fewer photos.

    In the layout of GAICD there are ``images/SPLIT/NAME.jpg`` and ``annotations/SPLIT/NAME.txt``, a line
    ``ymin xmin ymax xmax score`` for each of the 90 candidates of the grid, in canonical order. Scores are means of
    seven votes on `quality`.

    Args:
        photos: how many photos each split of the layout gets; 200 of ``train``, 40 of ``val`` and 60 of ``test`` by
            default, of those that it has.
        layout: a key of `LAYOUTS`.
        sides: shortest and longest side of a photo in pixels.
        persons: makes the subject of three in four photos a person and writes ``human_bboxes.json``.
        advance: called after every photo.

    Raises:
        UsageError: the folder is not empty, or an argument is impossible.
        OutputError: the folder cannot be written.
        CadrageError: a layout needs a package that is not installed.
    """
    form = layout_of(layout)
    wished = form.photos if photos is None else photos
    check_wishes(wished, seed, sides)
    counts = _counts(wished, layout)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder}: is not an empty folder; name another, nothing is ever overwritten")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / ".unfinished"
        try:
            unfinished.mkdir()
            form.write(unfinished, _counted(scene_photos(counts, seed, sides, persons, form.salt), advance), persons)
            for part in list(unfinished.iterdir()):
                part.rename(folder / part.name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; check the path and its permissions") from error


def layout_of(name: str) -> Layout:
    """A layout by its name.

    Raises:
        UsageError: there is none of this name.
    """
    if name in LAYOUTS:
        return LAYOUTS[name]
    meant = get_close_matches(name, LAYOUTS, n=1)
    hint = f"did you mean {meant[0]!r}? " if meant else ""
    raise UsageError(f"layout {name}: no such layout; {hint}there are {', '.join(LAYOUTS)}")


def _counts(photos: Mapping[str, int], layout: str) -> dict[str, int]:
    """The wished numbers of photos without splits that get none; UsageError if the layout has no such split."""
    known = layout_of(layout).photos
    absent = [split for split, count in photos.items() if count and split not in known]
    if absent:
        raise UsageError(
            f"layout {layout}: is published without {' and '.join(absent)}; there is {' and '.join(known)}"
        )
    return {split: count for split, count in photos.items() if split in known}


def _counted(photos: Iterator[ScenePhoto], advance: Callable[[], None]) -> Iterator[ScenePhoto]:
    for photo in photos:
        yield photo
        advance()
