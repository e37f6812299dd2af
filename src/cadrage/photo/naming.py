"""Names and formats of the files that crops are written to, by default ``{stem}_{ratio}_{rank}.{ext}``."""

import hashlib
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cadrage.errors import UsageError

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


DEFAULT_TEMPLATE = "{stem}_{ratio}_{rank}"

# What a name may hold, each with a value to try a template with.
NAME_FIELDS: Mapping[str, str | int | float] = {
    "stem": "beach",
    "ratio": "4x5",
    "rank": 1,
    "x": 0,
    "y": 0,
    "width": 1080,
    "height": 1350,
    "score": 0.71,
    "model": "default",
}

# Any of these tells the crops of a photo at one ratio apart.
_TELLS_CROPS = frozenset({"rank", "x", "y", "score"})

# File systems take names of so many bytes.
MOST_BYTES = 255
_DIGEST_CHARS = 8


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """How the files of crops are called, without folder and suffix: text with fields of ``NAME_FIELDS`` in braces.

    Fields may have a format, such as ``{rank:02}``. What a file system or a shell may mind becomes a hyphen.

    Raises:
        UsageError: the text holds no field, an unknown one, one with an attribute, or a separator of folders; or it
            begins with a dot.
    """

    text: str = DEFAULT_TEMPLATE

    def __post_init__(self) -> None:
        if "/" in self.text or "\\" in self.text:
            raise UsageError(
                f"--name {self.text}: names a file, not a folder; folders are set with -o or --keep-folders"
            )
        try:
            fields = self.fields
            self.text.format(**NAME_FIELDS)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            raise UsageError(f"--name {self.text}: not a template ({error}); {_NAME_EXAMPLE}") from None
        if self.text.startswith("."):
            raise UsageError(f"--name {self.text}: would hide every crop behind a dot; {_NAME_EXAMPLE}")
        if not fields:
            raise UsageError(f"--name {self.text}: every crop would get this name; {_NAME_EXAMPLE}")

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the text holds; raises ValueError where one is unknown."""
        found = set()
        for _, name, form, conversion in string.Formatter().parse(self.text):
            if name is None:
                continue
            if name not in NAME_FIELDS or conversion:
                raise ValueError(f"no field {{{name}}}")
            if not _FORMAT.fullmatch(form or "") or (form and isinstance(NAME_FIELDS[name], str)):
                raise ValueError(f"no format {form!r}")
            found.add(name)
        return frozenset(found)

    def expect_distinct(self, photos: int, ratios: int, crops: int) -> None:
        """Refuse a template that would give two crops of a run one name.

        Raises:
            UsageError: it leaves out the field that tells them apart.
        """
        missing = [
            field
            for field, told, needed in (
                ("stem", "stem" in self.fields, photos > 1),
                ("ratio", bool({"ratio", "width", "height"} & self.fields), ratios > 1),
                ("rank", bool(_TELLS_CROPS & self.fields), crops > 1),
            )
            if needed and not told
        ]
        if missing:
            raise UsageError(f"--name {self.text}: some crops would share a name; add {{{missing[0]}}}")

    def file_name(self, values: Mapping[str, str | int | float], form: str) -> str:
        """The name of one crop's file, of 255 bytes at most: a stem that is too long is cut and gets its checksum.

        Args:
            values: of all ``NAME_FIELDS``; ``ratio`` is written as for ``ratio_slug``.
            form: one of ``EXTENSIONS``.

        Raises:
            UsageError: the name is too long without any stem.

        >>> NameTemplate("{stem}-{rank:02}").file_name({**NAME_FIELDS, "rank": 3}, "jpeg")
        'beach-03.jpg'
        """
        stem = str(values["stem"])
        name = self._filled(values, stem, form)
        excess = len(_bytes(name)) - MOST_BYTES
        if excess > 0:
            room = len(_bytes(stem)) - excess - _DIGEST_CHARS - 1
            digest = hashlib.sha256(_bytes(stem)).hexdigest()[:_DIGEST_CHARS]
            name = self._filled(values, f"{_cut(stem, room)}-{digest}", form)
        if len(_bytes(name)) > MOST_BYTES:
            raise UsageError(f"--name {self.text[:60]}: makes names of more than {MOST_BYTES} bytes; shorten it")
        return name

    def _filled(self, values: Mapping[str, str | int | float], stem: str, form: str) -> str:
        written = {**values, "ratio": ratio_slug(str(values["ratio"])), "stem": stem}
        return f"{_AWKWARD.sub('-', self.text.format(**written))}.{EXTENSIONS[form]}"

    def stem_of(self, name: str) -> str | None:
        """The stem of the photo whose crop may have this name; None if no crop has it."""
        stem, _, extension = name.rpartition(".")
        if extension not in EXTENSIONS.values():
            return None
        found = re.fullmatch(self._pattern(), stem)
        return found["stem"] if found and "stem" in self.fields else None

    def _pattern(self) -> str:
        pattern, seen = "", set()
        for literal, name, _, _ in string.Formatter().parse(self.text):
            pattern += re.escape(literal)
            if name is not None:
                pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{_SHAPES.get(name, '.+')})"
                seen.add(name)
        return pattern


# Zeros in front and decimals; a width of a thousand million would take as much memory.
_FORMAT = re.compile(r"0?[0-9]?[0-9]?(?:\.[0-9])?[dfg]?")
_NAME_EXAMPLE = f"write one like '{DEFAULT_TEMPLATE}', with {', '.join(NAME_FIELDS)}"

# What the fields look like in a name.
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?"
_SHAPES = {
    "ratio": r"[0-9.]+(?:x[0-9.]+)?|[a-z]+",
    **dict.fromkeys(("rank", "x", "y", "width", "height", "score"), rf"\s*{_NUMBER}\s*"),
}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text, of so many bytes at most and without half a character."""
    return _bytes(text)[: max(most_bytes, 0)].decode("utf-8", "ignore").rstrip()
