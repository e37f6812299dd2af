"""``cadrage crop``: write the good crops of these photos as files."""

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli import options
from cadrage.cli.helptext import epilog
from cadrage.cli.inputs import PhotoInput, expand, identities
from cadrage.cli.items import failure_object, json_line, run_each
from cadrage.cli.naming import distinct_by_slug, unique_stems
from cadrage.cli.options import ReportFormat, Scale
from cadrage.cli.persons import expect_persons, person_on, read_person
from cadrage.cli.previews import Previews
from cadrage.cli.render import csv_header, render
from cadrage.cli.report import reporting
from cadrage.cli.request import read_ratios, read_request, read_size
from cadrage.cli.writing import CropWriter
from cadrage.errors import CadrageError, UsageError

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions

_FILES = "Files"

EPILOG = epilog(
    {
        "cadrage crop photo.jpg -o out": "Five crops; out/photo_free_1.jpg is the best.",
        "cadrage crop trip/ -o out --ratios 1:1,4:5,16:9 -n 1": "The best crop of every photo in three shapes.",
        "cadrage crop a.jpg -o out --size 1080x1350 --format webp --quality 85": "Files of exactly this size.",
        "cadrage crop 'in/**/*.jpg' -o out --strip gps --report text": "Without the place, and with a report to read.",
    },
    {
        "File names": "{stem}_{ratio}_{rank}.{ext}, for instance beach_4x5_1.jpg. Photos with equal names get -2, -3 "
        "and so on after the stem. A photo is never replaced, other files only with --overwrite. If one crop of a "
        "photo cannot be written, none of its new files stays.",
        "Pixels": "Full resolution, upright, colour profile kept; size and thumbnail in the EXIF data are corrected.",
    },
)


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


def crop(
    images: options.Images,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the crops; made if needed.", rich_help_panel=_FILES
        ),
    ],
    form: Annotated[
        FileFormat | None,
        typer.Option(
            "--format",
            help="Format of the files.",
            show_default="the photo's own, jpeg for HEIC",
            rich_help_panel=_FILES,
        ),
    ] = None,
    quality: Annotated[
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
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Size of the files in pixels; sets the ratio and asks for crops of at least that size.",
            show_default="the crop's own pixels",
            rich_help_panel=_FILES,
        ),
    ] = None,
    enlarge: Annotated[
        bool,
        typer.Option(
            "--enlarge",
            help="Let --size enlarge crops of photos that are too small, instead of failing.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    strip: Annotated[
        list[Strip] | None,
        typer.Option(
            "--strip",
            help="Leave out where the photo was taken (gps) or all metadata but the colour profile (all).",
            show_default="keep everything",
            rich_help_panel=_FILES,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, but write nothing.", rich_help_panel=_FILES)
    ] = False,
    ratio: options.RatioOption = None,
    ratios: options.RatiosOption = None,
    num: options.NumOption = options.DEFAULT_NUM,
    scale: options.ScaleOption = Scale.NATURAL,
    diversity: options.DiversityOption = None,
    whole: options.WholeOption = False,
    keep: options.KeepOption = None,
    person: options.PersonOption = None,
    detector: options.DetectorOption = None,
    avoid: options.AvoidOption = None,
    min_area: options.MinAreaOption = None,
    max_area: options.MaxAreaOption = None,
    min_size: options.MinSizeOption = None,
    strict: options.StrictOption = False,
    report_form: Annotated[
        ReportFormat,
        typer.Option(
            "--report",
            help="What to print: the JSON line of 'suggest' plus \"files\", text to read, or one csv row per file.",
            rich_help_panel="Output",
        ),
    ] = ReportFormat.JSONL,
    preview: options.PreviewOption = None,
    overwrite: options.OverwriteOption = False,
    timing: options.TimingOption = False,
    model: options.ModelOption = "default",
    offline: options.OfflineOption = False,
    max_pixels: options.MaxPixelsOption = options.DEFAULT_MAX_PIXELS,
    threads: options.ThreadsOption = None,
) -> int:
    """Write good crops as files: full resolution, upright, colours and metadata kept."""
    size_wh = read_size(size, "--size")
    if size_wh and (ratio or ratios):
        raise UsageError("--size already sets the ratio; leave --ratio and --ratios out or give no --size")
    asked = read_request(
        ratio=[f"{size_wh[0]}x{size_wh[1]}"] if size_wh else list(distinct_by_slug(read_ratios(ratio, ratios))),
        ratios=None,
        num=num,
        keep=keep,
        avoid=avoid,
        min_area=min_area,
        max_area=max_area,
        min_size=min_size,
        # Other models may want to know the main person unless it is given.
        detector=detector if model == "default" or person else None,
        scale=scale.value,
        diversity=diversity,
        strict=strict,
        whole=whole,
    )
    photos = expand(images)
    told = read_person(person, len(photos))
    stems = dict(zip(photos, unique_stems(photos), strict=True))
    writer = CropWriter(
        folder=output,
        sources=identities(photos),
        form=form.value if form else None,
        quality=quality,
        size_wh=size_wh,
        enlarge=enlarge,
        strip=tuple(part.value for part in strip or []),
        overwrite=overwrite,
        dry_run=dry_run,
    )
    writer.prepare()
    # The preview may go into the folder that was just made.
    previews = Previews(preview, photos, overwrite=overwrite)
    from cadrage.inference.cropper import Cropper

    cropper = Cropper(model, threads=threads, offline=offline, detector=detector or "own")
    if told is not None:
        expect_persons(cropper, f"--person {told.text}")
    if asked.keep_words or (cropper.looks_for_person and told is None):
        cropper.detector  # noqa: B018 - so that a missing extra is told once, and before the first photo
    with reporting(len(photos)) as report:

        def work(source: PhotoInput) -> None:
            start = time.perf_counter()
            photo = source.open(max_pixels)
            arguments = asked.arguments(photo.size_wh, photo.name)
            suggestions: Suggestions = cropper.suggest(photo, person=person_on(photo, told), **arguments)
            previews.add(photo, suggestions)
            files = writer.write(photo, suggestions, stems[source])
            took = round((time.perf_counter() - start) * 1000, 1) if timing else None
            report.data(render(suggestions, report_form, files=files, milliseconds=took))
            for warning in suggestions.warnings:
                report.warning(f"{photo.name}: {warning}")

        def failed(source: PhotoInput, error: CadrageError) -> None:
            if report_form is ReportFormat.JSONL:
                report.data(json_line(failure_object(source.name, error)))

        if report_form is ReportFormat.CSV:
            report.data(csv_header(files=True, timing=timing))
        exit_code = run_each(photos, work, failed, report)
        previews.write(report)
    return exit_code
