"""``cadrage data draw``: a data set whose truth is known, made on the spot to try a whole chain on."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError
from cadrage.inference.items import json_line
from cadrage.inference.json_format import SCHEMA_VERSION

EPILOG = epilog(
    {
        "cadrage data draw drawn": "200 photos to train on, 40 to choose on, 60 to test on.",
        "cadrage data convert gaicd drawn data/drawn": "Then convert it as any other data set.",
        "cadrage data draw people --train 400 --seed 1 --persons": "Others, mostly with people and their boxes.",
        "cadrage data draw raw/cpc --layout cpc --train 24": "A few photos in the form in which CPC is published.",
    },
    {
        "What is drawn": "Balls or people before a horizon, with striped boards and lamps. A formula says how good a "
        "crop is; made-up raters, who disagree a little, turn it into scores, votes or crops of their own.",
        "What for": "To see that conversion, training and evaluation work, and that a method learns what it should. "
        "Nothing of it says how good a model is on photos.",
        "Layouts": "gaicd     GAICD v2: images/SPLIT/NAME.jpg and annotations/SPLIT/NAME.txt\n"
        "gaicd-v1  GAICD v1: the same with all annotations in one folder, and no validation photos\n"
        "cpc       CPC: CollectedAnnotationsRaw/NAME.jpg.txt, 24 crops graded by six; no splits, --train is all\n"
        "fcdb      FCDB: lists of crops and of ranked pairs as JSON, photos in data/\n"
        "flms      FLMS: a MATLAB table (needs the extra 'eval'), photos in image/; --test is all",
        "Written": "Photos and annotations of the layout; human_bboxes.json with --persons. stdout has the counts as "
        "one JSON line.",
        "Repeatable": "The same options draw the same files. More photos begin with the same ones.",
    },
    exit_codes=False,
)


class LayoutName(StrEnum):
    """Published forms that can be drawn."""

    GAICD = "gaicd"
    GAICD_V1 = "gaicd-v1"
    CPC = "cpc"
    FCDB = "fcdb"
    FLMS = "flms"


def draw(
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to write, new or empty.")],
    layout: Annotated[
        LayoutName, typer.Option("--layout", help="The published form: of which data set.")
    ] = LayoutName.GAICD,
    train: Annotated[
        int | None,
        typer.Option("--train", metavar="N", min=0, help="Photos to train on.", show_default="200"),
    ] = None,
    val: Annotated[
        int | None, typer.Option("--val", metavar="N", min=0, help="Photos to choose on.", show_default="40")
    ] = None,
    test: Annotated[
        int | None, typer.Option("--test", metavar="N", min=0, help="Photos to test on.", show_default="60")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Another seed draws other photos.")] = 0,
    persons: Annotated[
        bool, typer.Option("--persons", help="The subject of three in four photos is a person who points.")
    ] = False,
    sides: Annotated[
        str, typer.Option("--sides", metavar="A,B", help="Shortest and longest side of a photo in pixels.")
    ] = "160,256",
) -> None:
    """Draw a small data set with known good crops, in the form in which a real one is published."""
    shortest_longest = _sides(sides)
    from cadrage.datasets.synthetic import LAYOUTS, write_synthetic

    asked = {"train": train, "val": val, "test": test}
    default = LAYOUTS[layout].photos
    photos = {split: default.get(split, 0) if count is None else count for split, count in asked.items()}
    photos = {split: count for split, count in photos.items() if count or split in default}
    with reporting(sum(photos.values())) as report:
        write_synthetic(
            dst, photos, seed, layout=layout, sides=shortest_longest, persons=persons, advance=report.advance
        )
    Report().data(json_line({"schema_version": SCHEMA_VERSION, "folder": str(dst), "seed": seed, "photos": photos}))


def _sides(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,5})\s*[,x]\s*(\d{1,5})\s*", text)
    if not found:
        raise UsageError(f"--sides {text}: expected the shortest and the longest side in pixels such as 160,256")
    return int(found[1]), int(found[2])
