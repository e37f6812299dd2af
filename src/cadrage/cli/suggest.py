"""``cadrage suggest``: which crops of these photos are good?"""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli import options, subject_options
from cadrage.cli.explanations import Explanations
from cadrage.cli.helptext import epilog
from cadrage.cli.inputs import PhotoInput, expand
from cadrage.cli.options import ReportFormat, Scale
from cadrage.cli.persons import expect_persons, person_on, read_person, ready_detector
from cadrage.cli.previews import Previews, expect_apart, write_all
from cadrage.cli.render import csv_header, render
from cadrage.cli.report import report_each, reporting
from cadrage.cli.request import read_request
from cadrage.errors import CadrageError
from cadrage.inference.items import failure_object, json_line

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions

EPILOG = epilog(
    {
        "cadrage suggest photo.jpg": "Five crops of any shape as one JSON line.",
        "cadrage suggest photo.jpg --format text --preview look.html": "The same to read and to look at.",
        "cadrage suggest photo.jpg --explain why.png": "Also what each crop keeps and discards.",
        "cadrage suggest trip/ --ratios 1:1,4:5,16:9 -n 3 > crops.jsonl": "Three shapes, one line per photo.",
        "cadrage suggest group.jpg -r story --keep 0.2,0.1,0.7,0.9 --strict": "Never cut this region, or fail.",
        "cadrage suggest ann.jpg --model auto --person 0.3,0.1,0.6,0.9": "Composed for this person.",
        "curl -s URL | cadrage suggest -": "One photo from stdin.",
    },
    {
        "Scores": "A score is the overlap (intersection over union, 0 to 1) to expect with the crop a person would "
        "choose, given the ratio. A model that only scores boxes gives its own score: higher is better in one photo.",
        "When rules conflict": "The least important one gives way, and the flags and a warning say so: first "
        "the number of crops, then a sight of the main person (models that are told one show a tenth of them), then "
        "--avoid, then --min-area and --max-area, then --min-size, last --keep. The ratio is always exact.",
        "Failed photos": 'With jsonl a failed photo gives a line with "error" in its place; every failure is also told '
        "on stderr, and the other photos are still done.",
    },
)


def suggest(
    images: options.Images,
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
    form: Annotated[
        ReportFormat,
        typer.Option(
            "--format",
            help="jsonl: one JSON object per photo and line; text: to read; csv: one row per crop.",
            rich_help_panel="Output",
        ),
    ] = ReportFormat.JSONL,
    preview: options.PreviewOption = None,
    explain: options.ExplainOption = None,
    overwrite: options.OverwriteOption = False,
    timing: options.TimingOption = False,
    model: options.ModelOption = "default",
    offline: options.OfflineOption = False,
    max_pixels: options.MaxPixelsOption = options.DEFAULT_MAX_PIXELS,
    threads: options.ThreadsOption = None,
) -> int:
    """Suggest good crops: several different ones per photo and ratio, best first, each with a score."""
    asked = read_request(
        ratio=ratio,
        ratios=ratios,
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
    previews = Previews(preview, photos, overwrite=overwrite)
    explanations = Explanations(explain, photos, overwrite=overwrite)
    expect_apart(previews, explanations)
    from cadrage.inference.cropper import Cropper

    cropper = Cropper(model, threads=threads, offline=offline, detector="own" if detector is None else detector)
    if explain is not None:
        cropper.expect_explanations()
    if told is not None:
        expect_persons(cropper, f"--person {told.text}")
    looks_for_person = cropper.looks_for_person and told is None
    # An explanation looks for subjects.
    wanted = bool(asked.keep_words) or looks_for_person or explain is not None
    ready_detector(cropper, detector, wanted=wanted, told=told)
    with reporting(len(photos)) as report:

        def work(source: PhotoInput) -> None:
            start = time.perf_counter()
            photo = source.open(max_pixels)
            arguments = asked.arguments(photo.size_wh, photo.name)
            whom = person_on(photo, told)
            encoded = cropper.encode(photo, person=whom) if explanations.wanted else None
            suggestions: Suggestions = (
                cropper.suggest(photo, person=whom, **arguments) if encoded is None else encoded.suggest(**arguments)
            )
            took = round((time.perf_counter() - start) * 1000, 1) if timing else None
            if encoded is not None:
                explanations.add(encoded, suggestions)
            previews.add(photo, suggestions)
            report.data(render(suggestions, form, milliseconds=took))
            for warning in suggestions.warnings:
                report.warning(f"{photo.name}: {warning}")

        def failed(source: PhotoInput, error: CadrageError) -> None:
            if form is ReportFormat.JSONL:
                report.data(json_line(failure_object(source.name, error)))

        if form is ReportFormat.CSV:
            report.data(csv_header(files=False, timing=timing))
        exit_code = report_each(photos, work, failed, report)
        write_all([previews, explanations], report)
    return exit_code
