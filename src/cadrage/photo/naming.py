"""Names and formats of the files that crops are written to: ``{stem}_{ratio}_{rank}.{ext}``."""

import re
from collections.abc import Sequence

EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tif"}

# A format that cannot be written back, such as HEIC, becomes the one that everything opens.
FALLBACK_FORMAT = "jpeg"

# What some file system refuses in a name, plus what would make a name awkward in a shell.
_AWKWARD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def unique_stems(photo_stems: Sequence[str]) -> list[str]:
    """One stem for the files of each photo, no two alike even where upper and lower case are the same.

    The first photo keeps its stem, later ones get ``-2``, ``-3`` and so on, in the order of the photos. What a file
    system or a shell may mind becomes a hyphen.

    >>> unique_stems(["beach", "Beach", "a:b"])
    ['beach', 'Beach-2', 'a-b']
    """
    taken: set[str] = set()
    stems = []
    for photo_stem in photo_stems:
        plain = _AWKWARD.sub("-", photo_stem) or "photo"
        stem, number = plain, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{plain}-{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def ratio_slug(ratio: str) -> str:
    """A ratio as part of a file name: ``4:5`` becomes ``4x5``.

    >>> [ratio_slug(ratio) for ratio in ("4:5", "1.91", "story")]
    ['4x5', '1.91', 'story']
    """
    return ratio.replace(":", "x").replace(" ", "")


def distinct_by_slug(ratios: Sequence[str]) -> tuple[str, ...]:
    """The ratios without those that would get the file names of an earlier one, such as ``4x5`` after ``4:5``."""
    first: dict[str, str] = {}
    for ratio in ratios:
        first.setdefault(ratio_slug(ratio), ratio)
    return tuple(first.values())


def crop_format(asked: str | None, photo_format: str) -> str:
    """The format to write: the asked one, else the photo's own where that can be written, else JPEG."""
    own = photo_format.lower()
    return asked or (own if own in EXTENSIONS else FALLBACK_FORMAT)


def file_name(stem: str, ratio: str, rank: int, form: str) -> str:
    """The name of one crop's file.

    >>> file_name("beach", "4:5", 1, "jpeg")
    'beach_4x5_1.jpg'
    """
    return f"{stem}_{ratio_slug(ratio)}_{rank}.{EXTENSIONS[form]}"
