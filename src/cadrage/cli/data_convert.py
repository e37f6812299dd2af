"""``cadrage data convert``: a published data set becomes a folder that every other verb reads."""

import shlex
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli.helptext import epilog
from cadrage.cli.options import OverwriteOption
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError, one_line
from cadrage.inference.items import EXIT_SOME_FAILED, json_line
from cadrage.inference.json_format import SCHEMA_VERSION

if TYPE_CHECKING:
    from cadrage.datasets.conversion.raw import LeftOut
    from cadrage.datasets.conversion.report import Conversion

# Messages of one kind before the rest is only counted.
_REPORTED = 10

EPILOG = epilog(
    {
        "cadrage data convert gaicd GAICD/ data/gaicd": "The official files, v1 or v2.",
        "cadrage data convert fcdb flickr-cropping-dataset/ data/fcdb": "Photos as the official script leaves them.",
        "cadrage data convert gaicd annotations/ data/gaicd --photos none": "Annotations alone, sizes from the boxes.",
        "cadrage data convert cpc CPCDataset/ data/cpc --photos copy": "Independent of the original folder.",
    },
    {
        "Data sets": "gaicd  Grid Anchor based Image Cropping Database, v1 and v2\n"
        "cpc    Comparative Photo Composition\n"
        "fcdb   Flickr Cropping Dataset, with ranked pairs\n"
        "flms   Fang, Lin, Mech and Shen, 500 photos with ten crops each",
        "Written": "metadata.jsonl, images/, splits/NAME.txt and conversion.json, which counts what was left out, "
        "dropped or changed and names the photos. stdout has the same counts as one JSON line.",
        "Photos": "They are linked (hard links; copied to another file system), never encoded again. Of a linked photo "
        "there is one file with two names: do not edit it in place.",
        "Interrupted": "Give the same command again; it goes on where it stopped.",
        "Exit codes": "0  all done; what is usual in the data set was left out and counted\n"
        "1  some photos or annotations are missing or damaged; the rest is done\n"
        "2  wrong usage, or the boxes do not belong to the photos; no manifest was written",
    },
    exit_codes=False,
)


class Dataset(StrEnum):
    """Published data sets that can be read."""

    GAICD = "gaicd"
    CPC = "cpc"
    FCDB = "fcdb"
    FLMS = "flms"


class Photos(StrEnum):
    """How photos come into the new folder."""

    LINK = "link"
    COPY = "copy"
    NONE = "none"


def convert(
    dataset: Annotated[Dataset, typer.Argument(help="Which data set SRC holds.", show_default=False)],
    src: Annotated[
        Path, typer.Argument(metavar="SRC", help="Its folder, as it was published.", exists=True, file_okay=False)
    ],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to write, outside of SRC.")],
    photos: Annotated[
        Photos, typer.Option("--photos", help="Link photos, copy them, or leave them where they are.")
    ] = Photos.LINK,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Threads that look at photos.", show_default="automatic"),
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Convert a published data set; photos stay as they are, and everything left out is counted."""
    from cadrage.datasets.conversion.convert import convert as convert_dataset
    from cadrage.datasets.readers import read_dataset

    reading = read_dataset(dataset, src)
    # What came of it stands first, and what to repair behind it.
    told: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()

    def tell(left_out: "LeftOut") -> None:
        counts[left_out.reason] += 1
        if counts[left_out.reason] <= _REPORTED:
            told.setdefault(left_out.reason, []).append(left_out.text)

    with reporting(reading.total) as report:
        try:
            done = convert_dataset(
                reading,
                dst,
                photos=photos.value,
                workers=workers,
                overwrite=overwrite,
                advance=report.advance,
                tell=tell,
            )
        except UsageError as error:
            first = next((texts[0] for texts in told.values()), None)
            raise UsageError(f"{error}; the first: {first}" if first else str(error)) from None
    print(_table(done), file=sys.stderr, flush=True)
    for reason, texts in told.items():
        for text in texts:
            report.error(text)
        if counts[reason] > _REPORTED:
            more = counts[reason] - _REPORTED
            report.error(f"... and {more:,} more of this kind ({reason}); conversion.json names them")
    print(f"next: cadrage data check {shlex.quote(one_line(str(dst)))}", file=sys.stderr, flush=True)
    Report().data(json_line({"schema_version": SCHEMA_VERSION, "folder": str(dst)} | done.summary()))
    return EXIT_SOME_FAILED if done.faults else 0


def _table(done: "Conversion") -> str:
    """What is there and what is not, one number per line."""
    from cadrage.datasets.conversion.raw import DROPPED, LEFT_OUT, NOTED

    summary = done.summary()
    rows = [(count, kind) for kind, count in done.counts.items() if count or kind in ("photos", "crops")]
    rows += [(count, f"photos of split {split}") for split, count in done.splits.items()]
    for title, names in (("left_out", LEFT_OUT), ("dropped", DROPPED), ("noted", NOTED)):
        label = {"left_out": "left out: ", "dropped": "dropped: ", "noted": ""}[title]
        rows += [(count, label + names[reason]) for reason, count in summary[title].items()]
    width = max(len(f"{count:,}") for count, _ in rows)
    lines = [f"{f'{count:,}':>{width}}  {text}" for count, text in rows]
    return "\n".join([f"{done.dataset} in {one_line(str(done.folder))}", *lines])
