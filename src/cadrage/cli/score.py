"""``cadrage score``: how good are these boxes?"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from cadrage.cli import subject_options
from cadrage.cli.helptext import epilog
from cadrage.cli.inputs import STDIN, PhotoInput, identity, is_folder
from cadrage.cli.options import ModelOptions, takes_groups
from cadrage.cli.persons import already_named, expect_persons, person_on, read_person, ready_detector
from cadrage.cli.photo_run import make_cropper
from cadrage.cli.report import Report, report_each
from cadrage.errors import CadrageError, PhotoError, UsageError
from cadrage.inference.items import EXIT_SOME_FAILED, error_object, json_line
from cadrage.inference.json_format import SCHEMA_VERSION

EPILOG = epilog(
    {
        "cadrage score photo.jpg --boxes boxes.jsonl": "Boxes of one photo.",
        "cadrage score photos/ --boxes boxes.jsonl > scores.jsonl": "Many photos; the lines name files in this folder.",
        "cadrage score ann.jpg --boxes b.jsonl --model human-centric --person 0.3,0.1,0.6,0.9": "For this person.",
        "make-boxes | cadrage score --boxes -": "Each line is answered as soon as it arrives.",
    },
    {
        "Line in": '{"file": "a.jpg", "boxes": [[0.1, 0.0, 0.9, 1.0], [0.2, 0.2, 0.8, 0.8]]}',
        "Line out": '{"schema_version": "1.0", "file": "a.jpg", "model": {"name": "default", ...}, "person": null, '
        '"scores": [1.27, 0.43]}',
        "Boxes": "x1 y1 x2 y2 as fractions of the upright photo; up to a quarter of a side outside is clipped.",
        "Scores": "In the order of the boxes; higher is better, and scores compare within one photo only.",
        "Model and person": "Which model answered, and the main person that it was given, with who found it, as "
        '"suggest" writes them; "person" is null without one and for models that take none.',
        "Files": 'A "file" is looked for in the folders given as IMG, then in the current folder. Without "file" a '
        "line speaks of the one photo given as IMG.",
        "Bad lines": 'A bad line or photo gives a line with "error", exit code 1 and a message on stderr; the others '
        "are still done.",
    },
)


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One line of the boxes file, not yet read."""

    source: str
    number: int
    text: str

    @property
    def name(self) -> str:
        return f"{self.source}:{self.number}"


@takes_groups
def score(
    boxes: Annotated[
        str, typer.Option("--boxes", metavar="FILE", help="JSON lines with the boxes to score, or - for stdin.")
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMG", help="The photo the boxes belong to, or folders that hold the photos."),
    ] = None,
    *,
    person: subject_options.PersonOption = None,
    detector: subject_options.PersonDetectorOption = None,
    model: ModelOptions,
) -> int:
    """Score given boxes: one JSON line in, one JSON line out, many photos in one run."""
    from cadrage.inference.scoring import boxes_to_score, score_object

    given = images or []
    if STDIN in given:
        raise UsageError("score reads photos from files only; '-' is for --boxes")
    person_box = read_person(person, len(given))
    if person_box is not None and is_folder(Path(given[0])):
        raise UsageError(
            f"--person {person_box.text}: {given[0]} is a folder; give the one photo that the person is on"
        )
    if person_box is not None and detector is not None:
        raise already_named(detector)
    report = Report()
    failures: list[CadrageError] = []

    def work(line: BoxLine) -> None:
        record = _read(line)
        path = _photo_of(record, given)
        if person_box is not None and not _same(path, given[0]):
            raise UsageError(f"{path}: --person is on {given[0]}; score the lines of other photos without it")
        photo = PhotoInput(path).open(model.max_pixels)
        boxes_xyxy = boxes_to_score(record["boxes"], path)
        encoded = cropper.encode(photo, person=person_on(photo, person_box))
        report.data(json_line(score_object(encoded, boxes_xyxy, record.get("file", path))))

    def failed(line: BoxLine, error: CadrageError) -> None:
        failures.append(error)
        answer = {"line": line.number, "file": _named_file(line), "error": error_object(error)}
        report.data(json_line({"schema_version": SCHEMA_VERSION} | answer))

    with _opened(boxes) as stream:
        cropper = make_cropper(model, detector)
        if person_box is not None or detector is not None:
            expect_persons(cropper, f"--detector {detector}" if person_box is None else f"--person {person_box.text}")
        ready_detector(cropper, detector, wanted=cropper.looks_for_person and person_box is None)
        if person_box is not None:
            # A box beyond this photo is one mistake, not one per line.
            person_on(PhotoInput(given[0]).open(model.max_pixels), person_box)
        exit_code = report_each(_lines(stream, "stdin" if boxes == STDIN else boxes), work, failed, report)
    # A bad line is one bad item of a list even if it is the only one; an unreadable only photo stays what it is.
    return EXIT_SOME_FAILED if failures and not isinstance(failures[0], PhotoError) else exit_code


@contextmanager
def _opened(boxes: str) -> Iterator[BinaryIO]:
    # Opened once and read in passing, since it may be a pipe.
    if boxes == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(boxes).open("rb")  # noqa: SIM115 - closed below, but failing to open has its own message
    except OSError as error:
        raise UsageError(f"--boxes {boxes}: cannot be read: {error.strerror}; check the path") from error
    with stream:
        yield stream


def _lines(stream: BinaryIO, name: str) -> Iterator[BoxLine]:
    """The lines with something on them, one by one as they arrive."""
    for number, raw in enumerate(stream, start=1):
        # Bytes that are not UTF-8 can be part of a file name and must survive.
        text = raw.decode("utf-8-sig", errors="surrogateescape").strip()
        if text:
            yield BoxLine(name, number, text)


def _read(line: BoxLine) -> dict[str, Any]:
    try:
        record = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{line.name}: not a JSON object ({error}); one object per line is expected") from error
    if not isinstance(record, dict) or not isinstance(record.get("boxes"), list):
        raise UsageError(f'{line.name}: expected an object such as {{"file": "a.jpg", "boxes": [[0, 0, 1, 1]]}}')
    if not isinstance(record.get("file", ""), str):
        raise UsageError(f'{line.name}: "file" must be text')
    return record


def _photo_of(record: dict[str, Any], given: list[str]) -> str:
    """Where the photo of a line is: its "file" inside the given folders or the current one, or the one photo given."""
    folders = [Path(path) for path in given if is_folder(Path(path))]
    photos = [path for path in given if not is_folder(Path(path))]
    if "file" not in record:
        if len(photos) != 1:
            raise UsageError(f'a line without "file" needs exactly one photo as IMG, not {len(photos)}')
        return photos[0]
    file: str = record["file"]
    inside = [str(folder / file) for folder in folders if identity(folder / file)]
    named = [path for path in photos if file in (path, Path(path).name)]
    return next(iter([*inside, *named]), file)


def _same(path: str, other: str) -> bool:
    """Whether two spellings are one file."""
    found = identity(Path(path))
    return path == other or (found is not None and found == identity(Path(other)))


def _named_file(line: BoxLine) -> str | None:
    try:
        file = _read(line).get("file")
    except UsageError:
        return None
    return file if isinstance(file, str) else None
