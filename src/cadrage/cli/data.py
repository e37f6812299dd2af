"""``cadrage data``: bring published data sets into one form, and look at what is in them."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cadrage.cli import data_convert, data_draw
from cadrage.cli.helptext import epilog, extra_installed
from cadrage.cli.options import OverwriteOption
from cadrage.cli.report import Report, reporting

SCHEMA_VERSION = "1.0"
EXIT_ERRORS_FOUND = 1

# One line per paragraph: the help screen keeps the line breaks it finds.
HELP = (
    "Convert published data sets into one form, check them, count them, split them.\n\n"
    "A converted data set is a folder with [bold]metadata.jsonl[/] (one JSON object per photo: file_name, width, "
    "height, crops, pairs, persons; boxes as fractions of the photo), the photos in [bold]images/[/] and lists of "
    "photos in [bold]splits/NAME.txt[/]."
)

CHECK_EPILOG = epilog(
    {
        "cadrage data check gaicd": "Everything that is wrong or odd, each with a count and examples.",
        "cadrage data check gaicd --no-photos": "The annotations alone.",
        "cadrage data check gaicd --decode --format json": "Also decode every photo; one JSON document.",
    },
    {
        "Errors": "Faulty lines, boxes, scores, votes and sizes; photos that are missing, unreadable, or byte for byte "
        "another one; splits that name unknown photos or share some. Of train, val, test, fit and dev only fit and "
        "dev, or fit and val, may share photos with another one: with train, which they divide.",
        "Notes": "What is odd but usable: boxes a little over the border (they are clipped when read), scores outside "
        "the usual range of the data set, pairs without votes, files that the manifest does not name.",
        "Exit codes": "0  no errors, notes at most\n1  errors were found\n2  wrong usage, or no manifest there",
    },
    exit_codes=False,
)
STATS_EPILOG = epilog(
    {
        "cadrage data stats gaicd": "Counts, splits, quantiles and scores as text.",
        "cadrage data stats gaicd --split train --format json": "One split, for a program.",
        "cadrage data stats gaicd --plot gaicd.png": "Drawn as well; needs the extra 'eval'.",
    },
    {},
    exit_codes=False,
)
SPLIT_EPILOG = epilog(
    {
        "cadrage data split gaicd --from train --take 36 --seed 1 --as dev --rest fit": "36 photos to choose on.",
        "cadrage data split mine --from all --every 5 --seed 1 --as test --rest train": "Every fifth photo.",
    },
    {
        "Which photos": "Photos are ranked by the SHA-256 of 'SEED/file_name'; the first N of them are drawn, or every "
        "K-th. The same seed and photos give the same split, in whatever order the photos are listed.",
    },
    exit_codes=False,
)

data_app = typer.Typer(rich_markup_mode="rich")

FolderArgument = Annotated[
    Path, typer.Argument(metavar="DST", help="Folder of a converted data set.", exists=True, file_okay=False)
]


class Form(StrEnum):
    """How findings and numbers are printed."""

    TEXT = "text"
    JSON = "json"


FormOption = Annotated[Form, typer.Option("--format", help="For people (text) or for programs (json).")]


@data_app.callback(help=HELP, invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


data_app.command("convert", epilog=data_convert.EPILOG)(data_convert.convert)
data_app.command("draw", epilog=data_draw.EPILOG)(data_draw.draw)


@data_app.command("check", epilog=CHECK_EPILOG)
def check(
    folder: FolderArgument,
    no_photos: Annotated[
        bool, typer.Option("--no-photos", help="Do not look for the photos: check annotations and splits alone.")
    ] = False,
    decode: Annotated[
        bool, typer.Option("--decode", help="Also decode every photo, which finds damage behind a sound header.")
    ] = False,
    form: FormOption = Form.TEXT,
) -> int:
    """Find what is wrong with a converted data set; exit code 1 when anything is."""
    from cadrage.cli.data_text import check_text
    from cadrage.datasets.checks.check import check_dataset, count_lines

    with reporting(count_lines(folder)) as report:
        found = check_dataset(folder, photos=not no_photos, decode=decode, advance=report.advance)
    _print(found.to_dict() if form is Form.JSON else check_text(found))
    return EXIT_ERRORS_FOUND if found.errors else 0


@data_app.command("stats", epilog=STATS_EPILOG)
def stats(
    folder: FolderArgument,
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Only the photos of this split, a name or a file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Also draw the statistics to this file.")
    ] = None,
    overwrite: OverwriteOption = False,
    form: FormOption = Form.TEXT,
) -> None:
    """Count a converted data set: photos, crops, votes, splits, scores, areas and ratios."""
    from cadrage.cli.data_text import stats_text
    from cadrage.datasets.checks.check import count_lines
    from cadrage.datasets.stats import dataset_stats

    if plot is not None:
        _check_plot(plot, overwrite)
    with reporting(count_lines(folder)) as report:
        counted = dataset_stats(folder, split, advance=report.advance)
    if plot is not None:
        from cadrage.datasets.plot import draw_stats
        from cadrage.photo.files import atomic_write

        with extra_installed("eval", "--plot"):
            png = draw_stats(counted)
        with atomic_write(plot, overwrite=overwrite) as handle:
            handle.write(png)
    _print(counted.to_dict() if form is Form.JSON else stats_text(counted))


@data_app.command("split", epilog=SPLIT_EPILOG)
def split(
    folder: FolderArgument,
    source: Annotated[
        str, typer.Option("--from", metavar="NAME", help="The split to draw from, or 'all' for the whole manifest.")
    ],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the split with the drawn photos.")],
    rest: Annotated[str, typer.Option("--rest", metavar="NAME", help="Name of the split with the other photos.")],
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Another seed draws other photos.")],
    take: Annotated[int | None, typer.Option("--take", metavar="N", help="Draw N photos.")] = None,
    every: Annotated[int | None, typer.Option("--every", metavar="K", help="Draw every K-th photo.")] = None,
) -> None:
    """Draw a split by chance that can be repeated, and write it down; nothing is ever overwritten."""
    from cadrage.datasets.splits import draw_split

    for written in draw_split(folder, source, name=name, rest=rest, seed=seed, take=take, every=every):
        Report().data(f"{written.name}\t{len(written.file_names)}\t{written.sha256}")


def _check_plot(plot: Path, overwrite: bool) -> None:
    from cadrage.errors import UsageError
    from cadrage.photo.files import check_output

    if plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: expected a name that ends in .png")
    check_output(plot, overwrite=overwrite)


def _print(content: dict[str, Any] | str) -> None:
    if isinstance(content, dict):
        # ASCII, since names come from elsewhere and must not steer the terminal.
        content = json.dumps({"schema_version": SCHEMA_VERSION} | content, indent=2, allow_nan=False)
    Report().data(content)
