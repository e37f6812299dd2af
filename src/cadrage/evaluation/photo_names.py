"""Which photo does another tool mean? Names come as paths of another machine, bare file names or mere stems."""

from collections.abc import Collection
from pathlib import PurePosixPath

from cadrage.errors import UsageError

_SHOWN = 3


class PhotoNames:
    """Looks up photos of a manifest by the names that others give them."""

    def __init__(self, file_names: Collection[str]) -> None:
        self._exact = set(file_names)
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for file_name in file_names:
            last = _parts(file_name)[-1]
            self._by_name.setdefault(last, []).append(file_name)
            self._by_stem.setdefault(PurePosixPath(last).stem, []).append(file_name)

    def find(self, name: str) -> str | None:
        """The ``file_name`` of the photo that ``name`` means; None if there is none.

        The manifest's own name is always understood. Else photos with the same last part come into question, or if
        there are none those with the same last part up to the extension. Of several the one wins that shares the most
        folders before it, then the one that shares all of its own.

        Raises:
            UsageError: several photos could be meant.
        """
        if name in self._exact:
            return name
        parts = _parts(name)
        if not parts:
            return None
        last = parts[-1]
        # A name without extension may hold a dot.
        possible = self._by_name.get(last) or self._by_stem.get(last) or self._by_stem.get(PurePosixPath(last).stem)
        if not possible:
            return None
        likeness = [_likeness(parts, _parts(file_name)) for file_name in possible]
        meant = [file_name for file_name, like in zip(possible, likeness, strict=True) if like == max(likeness)]
        if len(meant) > 1:
            shown = ", ".join(meant[:_SHOWN]) + (", ..." if len(meant) > _SHOWN else "")
            raise UsageError(f"{name!r} could mean {len(meant)} photos ({shown}); name it as the manifest does")
        return meant[0]


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _likeness(name: list[str], file_name: list[str]) -> tuple[int, bool]:
    """How many folders two paths share, from the last one up, and whether these are all of the photo's."""
    shared = 0
    for one, other in zip(reversed(name[:-1]), reversed(file_name[:-1]), strict=False):
        if one != other:
            break
        shared += 1
    return shared, shared == len(file_name) - 1
