"""The run over photos that ``suggest`` and ``crop`` share: what is asked, who answers, and each photo in its turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cadrage.cli.inputs import PhotoInput, listed
from cadrage.cli.options import ModelOptions, QuestionOptions, ReportFormat, RunOptions
from cadrage.cli.persons import expect_persons, person_on, read_person, ready_detector
from cadrage.cli.pictures import Explanations, Previews, write_all
from cadrage.cli.render import csv_header, render
from cadrage.cli.report import report_each, reporting
from cadrage.errors import CadrageError
from cadrage.inference.items import failure_object, json_line

if TYPE_CHECKING:
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.request_text import TypedBox, TypedRequest
    from cadrage.inference.results import Suggestions
    from cadrage.photo import Note, Photo

WriteCrops = Callable[[PhotoInput, "Photo", "Suggestions"], "tuple[list[str], Sequence[Note]]"]
"""Writes the crops of a photo; the paths of the files in the order of the crops, and what they do not keep."""


@dataclass(frozen=True, slots=True)
class PhotoQuestion:
    """What is asked of which photos; ``person`` is the main person of the only one, None to look for it.

    ``notes`` say which files were taken for no photos.
    """

    photos: Sequence[PhotoInput]
    request: "TypedRequest"
    person: "TypedBox | None"
    detector: str | None
    notes: Sequence[str] = ()


def read_question(images: Sequence[str], options: QuestionOptions) -> PhotoQuestion:
    """Check everything that can be checked without opening a photo.

    Raises:
        UsageError: the first thing that is wrong, named with its option.
    """
    from cadrage.inference.request_text import read_request

    asked = [option.name for option in fields(options) if option.name not in ("person", "detector")]
    request = read_request(**{name: getattr(options, name) for name in asked})
    listing = listed(images)
    person = read_person(options.person, len(listing.photos))
    return PhotoQuestion(listing.photos, request, person, options.detector, listing.notes)


def make_cropper(options: ModelOptions, detector: str | None) -> "Cropper":
    """The cropper with the model and the detector that were asked for.

    Raises:
        ModelError: the model is missing, damaged or cannot be fetched.
    """
    from cadrage.inference.cropper import Cropper

    return Cropper(
        options.model,
        threads=options.threads,
        offline=options.offline,
        detector="own" if detector is None else detector,
    )


def ready_cropper(question: PhotoQuestion, options: ModelOptions, *, explains: bool = False) -> "Cropper":
    """A cropper that can answer, and explain if it ``explains``; anything missing is reported before the first photo.

    Raises:
        ModelError: the model or the detector's file is missing, damaged or cannot be fetched, or the model cannot
            explain its crops.
        UsageError: the model takes no main person, or a detector is named that has nothing to find.
    """
    cropper = make_cropper(options, question.detector)
    if explains:
        cropper.expect_explanations()
    if question.person is not None:
        expect_persons(cropper, f"--person {question.person.text}")
    looks_for_person = cropper.looks_for_person and question.person is None
    # An explanation looks for subjects.
    aware = question.request.options.get("people_aware", True)
    wanted = aware or bool(question.request.keep_words) or looks_for_person or explains
    ready_detector(cropper, question.detector, wanted=wanted, person=question.person)
    return cropper


def run_over_photos(
    question: PhotoQuestion,
    cropper: "Cropper",
    options: RunOptions,
    form: ReportFormat,
    *,
    previews: Previews,
    explanations: Explanations | None = None,
    write: WriteCrops | None = None,
) -> int:
    """Answer the question photo by photo, report what was found and what failed, and return the exit code.

    Args:
        explanations: where what explains the crops goes, if anywhere.
        write: writes the files of the crops, if any are asked for.

    Raises:
        ModelError: the model does not work.
        OutputError: a preview or an explanation cannot be written.
    """
    with reporting(len(question.photos), lines_needed=write is None) as report:
        for note in question.notes:
            report.warning(note)

        def work(source: PhotoInput) -> None:
            start = time.perf_counter()
            photo = source.open(options.max_pixels)
            request = question.request.on(photo.size_wh, photo.name)
            person = person_on(photo, question.person)
            if explanations is not None and explanations.wanted:
                encoded = cropper.encode(photo, person=person)
                suggestions = encoded.answer(request)
                explanations.add(encoded, suggestions)
            else:
                suggestions = cropper.answer(photo, request, person=person)
            previews.add(photo, suggestions)
            files = None
            if write is not None:
                files, lost = write(source, photo, suggestions)
                suggestions = suggestions.with_notes(lost)
            took = round((time.perf_counter() - start) * 1000, 1) if options.timing else None
            report.data(render(suggestions, form, files=files, milliseconds=took))
            for warning in suggestions.warnings:
                report.warning(f"{photo.name}: {warning}")

        def failed(source: PhotoInput, error: CadrageError) -> None:
            if form is ReportFormat.JSONL:
                report.data(json_line(failure_object(source.name, error)))

        if form is ReportFormat.CSV:
            report.data(csv_header(files=write is not None, timing=options.timing))
        exit_code = report_each(question.photos, work, failed, report)
        write_all([previews] if explanations is None else [previews, explanations], report)
    return exit_code
