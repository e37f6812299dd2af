"""``cadrage crop``: write the good crops of these photos as files."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli import crop_options, options, subject_options
from cadrage.cli.helptext import epilog
from cadrage.cli.inputs import PhotoInput, expand, identities
from cadrage.cli.options import ReportFormat, Scale
from cadrage.cli.persons import expect_persons, person_on, read_person, ready_detector
from cadrage.cli.previews import Previews
from cadrage.cli.render import csv_header, render
from cadrage.cli.report import report_each, reporting
from cadrage.cli.request import read_ratios, read_request, read_size
from cadrage.cli.writing import CropWriter
from cadrage.errors import CadrageError, UsageError
from cadrage.inference.items import failure_object, json_line

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions

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


def crop(
    images: options.Images,
    output: crop_options.OutputOption,
    form: crop_options.FormatOption = None,
    quality: crop_options.QualityOption = None,
    size: crop_options.SizeOption = None,
    enlarge: crop_options.EnlargeOption = False,
    strip: crop_options.StripOption = None,
    dry_run: crop_options.DryRunOption = False,
    ratio: options.RatioOption = None,
    ratios: options.RatiosOption = None,
    num: options.NumOption = options.DEFAULT_NUM,
    scale: options.ScaleOption = Scale.NATURAL,
    diversity: options.DiversityOption = None,
    whole: options.WholeOption = False,
    keep: subject_options.KeepOption = None,
    person: subject_options.PersonOption = None,
    detector: subject_options.DetectorOption = None,
    avoid: subject_options.AvoidOption = None,
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
    from cadrage.photo.naming import distinct_by_slug, unique_stems

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
        scale=scale.value,
        diversity=diversity,
        strict=strict,
        whole=whole,
    )
    photos = expand(images)
    told = read_person(person, len(photos))
    stems = dict(zip(photos, unique_stems([photo.stem for photo in photos]), strict=True))
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
    from cadrage.inference.cropper import Cropper

    cropper = Cropper(model, threads=threads, offline=offline, detector="own" if detector is None else detector)
    if told is not None:
        expect_persons(cropper, f"--person {told.text}")
    looks_for_person = cropper.looks_for_person and told is None
    ready_detector(cropper, detector, wanted=bool(asked.keep_words) or looks_for_person, told=told)
    writer.prepare()
    # The preview may go into the folder that was just made.
    previews = Previews(preview, photos, overwrite=overwrite)
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
        exit_code = report_each(photos, work, failed, report)
        previews.write(report)
    return exit_code
