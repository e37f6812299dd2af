"""What ``cadrage eval PROTOCOL`` does: choose the photos, find out who is measured, measure and write."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.cli.eval_models import make_predictors
from cadrage.cli.helptext import extra_installed
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cadrage.evaluation.answers import Predictor
    from cadrage.evaluation.protocols import Protocol
    from cadrage.evaluation.run import Evaluation
    from cadrage.evaluation.selecting import Selection

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """Who is measured; at most one is given, and without any it is the packaged model."""

    model: str | None
    predictions: Path | None
    baseline: str | None
    detector: str | None
    cache: bool
    offline: bool

    def check(self) -> None:
        """Raise UsageError if several are given, or a detector for what takes no persons."""
        if sum(given is not None for given in (self.model, self.predictions, self.baseline)) > 1:
            raise UsageError("--model, --predictions and --baseline exclude each other; give one")
        if self.detector is not None and (self.predictions is not None or self.baseline is not None):
            raise UsageError(f"--detector {self.detector}: only models are told persons; leave it out or give --model")


@dataclass(frozen=True, slots=True)
class Photos:
    """On what is measured, and what learned baselines may look at."""

    data: Path
    split: str | None
    subset: str | None
    train_split: str | None
    train_data: Path | None
    allow_missing: bool


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files to write beside the table; ``json`` may be - for stdout, which then holds nothing else."""

    json: str | None
    html: Path | None
    predictions: Path | None
    overwrite: bool

    @property
    def json_file(self) -> Path | None:
        """Where the JSON goes unless that is stdout."""
        return None if self.json in (None, STDOUT) else Path(str(self.json))

    def check(self) -> None:
        """Refuse at once what could not be written after minutes of work."""
        from cadrage.photo.files import check_output

        files = [file for file in (self.json_file, self.html, self.predictions) if file is not None]
        if len({file.resolve() for file in files}) < len(files):
            raise UsageError("--json, --html and --save-predictions name the same file; give different ones")
        for file in files:
            check_output(file, overwrite=self.overwrite)

    def write(self, file: Path, texts: "Iterable[str]") -> None:
        """Write a file all at once or not at all."""
        from cadrage.photo.files import atomic_write

        with atomic_write(file, overwrite=self.overwrite) as handle:
            # File names that are not text leave as the bytes they came in.
            handle.writelines(text.encode("utf-8", errors="surrogateescape") for text in texts)


def run_evaluation(name: str, source: Source, photos: Photos, outputs: Outputs, jobs: int) -> None:
    """Measure by the protocol called ``name`` and write everything that is wanted."""
    from cadrage.evaluation.protocols import PROTOCOLS
    from cadrage.evaluation.run import evaluate
    from cadrage.evaluation.selecting import select_photos

    source.check()
    outputs.check()
    protocol = PROTOCOLS[name]
    with extra_installed("eval", "measuring"):
        chosen = select_photos(
            photos.data,
            protocol,
            split=photos.split,
            subset=photos.subset,
            train_split=photos.train_split,
            train_data=photos.train_data,
        )
        predictor, chosen = _predictor(source, protocol, chosen, photos)
        with reporting(len(chosen.records)) as report:
            found = evaluate(
                protocol,
                chosen.records,
                predictor,
                data=chosen.data,
                train=chosen.train,
                allow_missing=photos.allow_missing,
                notes=chosen.notes,
                left_out=chosen.left_out,
                jobs=jobs,
                advance=report.advance,
            )
        _write(found, protocol, outputs)


def _predictor(
    source: Source, protocol: "Protocol", chosen: "Selection", photos: Photos
) -> "tuple[Predictor, Selection]":
    """Who is measured, and the photos together with what has to be said about the two."""
    if source.baseline is not None:
        from cadrage.evaluation.baselines import make_baseline

        return make_baseline(source.baseline, chosen.train), chosen
    from cadrage.evaluation.fair import read_predicted, training_notes

    if source.predictions is not None:
        return read_predicted(source.predictions, chosen, allow_missing=photos.allow_missing)
    (predictor,) = make_predictors(
        [source.model or "default"],
        chosen.everything,
        detector=source.detector,
        cache=source.cache,
        offline=source.offline,
    )
    notes = training_notes(predictor.describe(), chosen, photos.data, protocol)
    return predictor, replace(chosen, notes=(*chosen.notes, *notes))


def _write(found: "Evaluation", protocol: "Protocol", outputs: Outputs) -> None:
    from cadrage.evaluation.published import published
    from cadrage.evaluation.reports.numbers import beside
    from cadrage.evaluation.reports.text import TextStyle, result_lines

    result = found.result
    rows = beside(result, published(protocol.name, result.data["subset"]))
    if outputs.predictions is not None:
        from cadrage.evaluation.predictions import prediction_line

        lines = (
            prediction_line(question, answer) + "\n"
            for record, answers in zip(found.records, found.answers, strict=True)
            for question, answer in zip(protocol.ask(record), answers, strict=True)
        )
        outputs.write(outputs.predictions, lines)
    if outputs.html is not None:
        from cadrage.evaluation.reports.page import page
        from cadrage.evaluation.reports.photos import pick_shown

        shown = pick_shown(result, found.records, found.answers, protocol.main_metric)
        outputs.write(outputs.html, [page(result, rows, shown)])
    text = result.to_json()
    if outputs.json_file is not None:
        outputs.write(outputs.json_file, [text])
    # A table would make stdout something else than JSON.
    shown_text = text if outputs.json == STDOUT else result_lines(result, rows, TextStyle.of(sys.stdout))
    Report().data(shown_text.rstrip("\n"))
