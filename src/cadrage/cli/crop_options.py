"""The options of ``cadrage crop`` that say what files are written."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_FILES = "Files"


class FileFormat(StrEnum):
    """Formats that crops can be written in."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    TIFF = "tiff"


class Strip(StrEnum):
    """Metadata that can be left out of the files."""

    GPS = "gps"
    ALL = "all"


OutputOption = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder for the crops; made if needed.", rich_help_panel=_FILES),
]
FormatOption = Annotated[
    FileFormat | None,
    typer.Option(
        "--format",
        help="Format of the files.",
        show_default="the photo's own, jpeg for HEIC",
        rich_help_panel=_FILES,
    ),
]
QualityOption = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="N",
        min=1,
        max=100,
        help="Quality of jpeg, webp and avif, 1 to 100; png and tiff are lossless.",
        show_default="no visible loss",
        rich_help_panel=_FILES,
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Size of the files in pixels; sets the ratio and asks for crops of at least that size.",
        show_default="the crop's own pixels",
        rich_help_panel=_FILES,
    ),
]
EnlargeOption = Annotated[
    bool,
    typer.Option(
        "--enlarge",
        help="Let --size enlarge crops of photos that are too small, instead of failing.",
        rich_help_panel=_FILES,
    ),
]
StripOption = Annotated[
    list[Strip] | None,
    typer.Option(
        "--strip",
        help="Leave out where the photo was taken (gps) or all metadata but the colour profile (all).",
        show_default="keep everything",
        rich_help_panel=_FILES,
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be written, but write nothing.", rich_help_panel=_FILES)
]
