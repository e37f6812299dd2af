"""The options that say what is on the photos: who must not be cut, whom they are about, and what finds them."""

from typing import Annotated

import typer

_WHAT = "What to look for"
_RULES = "Rules a crop must keep"

KeepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="BOX|people|faces",
        help="What no crop may cut: a region x1,y1,x2,y2, in fractions of the upright photo if no value exceeds 1, "
        "otherwise pixels; or the people or faces found on it. Repeat it for several.",
        rich_help_panel=_RULES,
    ),
]
PeopleAwareOption = Annotated[
    bool,
    typer.Option(
        "--people-aware/--no-people-aware",
        help="Prefer crops that cut no head the detector is sure of, and show the largest one; all that is asked for "
        "goes first.",
        rich_help_panel=_WHAT,
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="What finds the people and faces of --keep, and the main person for models that want to know it: own, "
        "onnx:FILE or none.",
        show_default="own",
        rich_help_panel=_RULES,
    ),
]
PersonOption = Annotated[
    list[str] | None,
    typer.Option(
        "--person",
        metavar="BOX",
        help="The main person of the one photo, x1,y1,x2,y2 in fractions of the upright photo if no value exceeds 1, "
        "otherwise pixels; for models that want to know it (human-centric, auto).",
        show_default="whom --detector finds",
        rich_help_panel=_WHAT,
    ),
]
PersonDetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="What finds the main person for models that want to know it: own, onnx:FILE or none.",
        show_default="own",
        rich_help_panel=_WHAT,
    ),
]
AvoidOption = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="BOX",
        help="Region x1,y1,x2,y2 that crops should leave out, written as for --keep.",
        rich_help_panel=_RULES,
    ),
]
