"""Finds files that hold the same bytes under the names of different photos."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from cadrage.datasets.photos_in import Listed


def copies(folder: Path, photos: Iterable[Listed], key: Callable[[str], str]) -> dict[str, str]:
    """Path of each file that equals a file of another photo, and the path of such a file.

    Whose photo the picture is cannot be told, so every one of them is listed. ``key`` is equal for names of one photo.
    Files that are empty or cannot be read are not listed.
    """
    by_size: dict[int, list[Listed]] = {}
    for photo in photos:
        try:
            by_size.setdefault((folder / photo.path).stat().st_size, []).append(photo)
        except OSError:
            continue
    by_content: dict[bytes, list[Listed]] = {}
    for size, alike in by_size.items():
        # Only files of equal size can be equal, so hardly any file is read.
        if size and len(alike) > 1:
            for photo in alike:
                try:
                    with (folder / photo.path).open("rb") as handle:
                        digest = hashlib.file_digest(handle, "sha256").digest()
                except OSError:
                    continue
                by_content.setdefault(digest, []).append(photo)
    found = {}
    for alike in by_content.values():
        for photo in alike:
            others = [other.path for other in alike if key(other.name) != key(photo.name)]
            if others:
                found[photo.path] = others[0]
    return found
