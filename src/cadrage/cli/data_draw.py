"""``cadrage data draw``: a data set whose truth is known, made on the spot to try a whole chain on."""

from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog
from cadrage.cli.report import Report, reporting
from cadrage.inference.items import json_line
from cadrage.inference.json_format import SCHEMA_VERSION

EPILOG = epilog(
    {
        "cadrage data draw drawn": "200 photos to train on, 40 to choose on, 60 to test on.",
        "cadrage data convert gaicd drawn data/drawn": "Then convert it as any other data set.",
        "cadrage data draw people --train 400 --seed 1 --persons": "Others, mostly with people and their boxes.",
    },
    {
        "What is drawn": "Balls or people before a horizon, with striped boards and lamps. A formula says how good a "
        "crop is; seven made-up raters, who disagree a little, turn it into scores from 1 to 5.",
        "What for": "To see that conversion, training and evaluation work, and that a method learns what it should. "
        "Nothing of it says how good a model is on photos.",
        "Written": "images/SPLIT/NAME.jpg and annotations/SPLIT/NAME.txt, in the form in which GAICD v2 is published; "
        "human_bboxes.json with --persons. stdout has the counts as one JSON line.",
        "Repeatable": "The same options draw the same files. More photos begin with the same ones.",
    },
    exit_codes=False,
)


def draw(
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to write, new or empty.")],
    train: Annotated[int, typer.Option("--train", metavar="N", min=0, help="Photos to train on.")] = 200,
    val: Annotated[int, typer.Option("--val", metavar="N", min=0, help="Photos to choose on.")] = 40,
    test: Annotated[int, typer.Option("--test", metavar="N", min=0, help="Photos to test on.")] = 60,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Another seed draws other photos.")] = 0,
    persons: Annotated[
        bool, typer.Option("--persons", help="The subject of three in four photos is a person who points.")
    ] = False,
) -> None:
    """Draw a small data set with known good crops, in the form in which GAICD is published."""
    from cadrage.datasets.synthetic import write_synthetic

    photos = {"train": train, "val": val, "test": test}
    with reporting(sum(photos.values())) as report:
        write_synthetic(dst, photos, seed, persons=persons, advance=report.advance)
    Report().data(json_line({"schema_version": SCHEMA_VERSION, "folder": str(dst), "seed": seed, "photos": photos}))
