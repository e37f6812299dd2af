"""What ``cadrage eval`` does: choose the photos, find out who is measured, measure and write."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.cli.eval_output import STDOUT, encoded, expect_writable, json_destination, write
from cadrage.cli.helptext import extra_installed
from cadrage.cli.logged import log_told
from cadrage.cli.persons import expect_persons
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError
from cadrage.evaluation.names import Around

if TYPE_CHECKING:
    from cadrage.datasets.manifest import PhotoRecord
    from cadrage.evaluation.answers import Predictor
    from cadrage.evaluation.product import ModelPredictor
    from cadrage.evaluation.protocols import Protocol
    from cadrage.evaluation.run import Evaluation
    from cadrage.evaluation.selecting import Selection


@dataclass(frozen=True, slots=True)
class PredictorOptions:
    """Who is measured; at most one is given, and without any it is the packaged model."""

    model: str | None
    predictions: Path | None
    baseline: str | None
    detector: str | None
    candidates: str | None
    cache: bool
    offline: bool

    def check(self) -> None:
        """Raise UsageError if several are given, or a detector for what takes no persons."""
        if sum(given is not None for given in (self.model, self.predictions, self.baseline)) > 1:
            raise UsageError("--model, --predictions and --baseline exclude each other; give one")
        if self.detector is not None and (self.predictions is not None or self.baseline is not None):
            raise UsageError(f"--detector {self.detector}: only models take persons; leave it out or give --model")
        if self.candidates is not None and (self.predictions is not None or self.baseline is not None):
            raise UsageError(f"--candidates {self.candidates}: only models choose among boxes; leave it out")


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """On what is measured, and what learned baselines may look at."""

    data: Path
    split: str | None
    subset: str | None
    train_split: str | None
    train_data: Path | None
    allow_missing: bool


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """The files to write beside the table; ``json`` may be - for stdout, which then holds nothing else."""

    json: str | None
    html: Path | None
    predictions: Path | None
    overwrite: bool

    def check(self) -> None:
        """Refuse at once what could not be written after minutes of work."""
        files = (json_destination(self.json), self.html, self.predictions)
        expect_writable(files, "--json, --html and --save-predictions", overwrite=self.overwrite)


def run_evaluation(name: str, who: PredictorOptions, photos: PhotoOptions, outputs: OutputOptions, jobs: int) -> None:
    """Measure by the protocol called ``name`` and write everything that is wanted."""
    from cadrage.evaluation.protocols import PROTOCOLS
    from cadrage.evaluation.run import evaluate
    from cadrage.evaluation.selecting import select_photos

    who.check()
    outputs.check()
    protocol = PROTOCOLS[name]
    with log_told(), extra_installed("eval", "measuring"):
        chosen = select_photos(
            photos.data,
            protocol,
            split=photos.split,
            subset=photos.subset,
            train_split=photos.train_split,
            train_data=photos.train_data,
        )
        free = any(question.n and question.ratio is None for question in protocol.ask(chosen.records[0]))
        if who.candidates is not None and not free:
            raise UsageError(f"--candidates {who.candidates}: {name} asks for no crops of any shape; leave it out")
        predictor, chosen = _predictor(who, protocol, chosen, photos)
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
        _write_evaluation(found, protocol, outputs)


def _predictor(
    who: PredictorOptions, protocol: "Protocol", chosen: "Selection", photos: PhotoOptions
) -> "tuple[Predictor, Selection]":
    """Who is measured, and the photos together with what has to be said about the two."""
    if who.baseline is not None:
        from cadrage.evaluation.baselines import make_baseline

        return make_baseline(who.baseline, chosen.train), chosen
    if who.predictions is not None:
        from cadrage.evaluation.selecting import read_predicted

        return read_predicted(who.predictions, chosen, allow_missing=photos.allow_missing)
    from cadrage.evaluation.notes import training_notes

    (predictor,) = _model_predictors(
        [who.model or "default"],
        chosen.everything,
        detector=who.detector,
        cache=who.cache,
        offline=who.offline,
        candidates=who.candidates,
    )
    notes = training_notes(predictor.describe(), chosen, photos.data, protocol)
    return predictor, replace(chosen, notes=(*chosen.notes, *notes))


def _model_predictors(
    names: Sequence[str],
    records: "Iterable[PhotoRecord]",
    *,
    detector: str | None,
    cache: bool,
    offline: bool,
    candidates: str | None = None,
) -> "list[ModelPredictor]":
    """Predictors of models by name.

    Args:
        records: the whole data set: if it marks a person on any photo, those it marks are taken to be all that count.
        detector: who finds the main person: ``manifest``, a detector's name, or None for the manifest if it marks
            persons and otherwise the detector that users get.
        cache: keep features between runs.
        offline: never fetch a model.
        candidates: what crops of any shape are chosen among; None for what the product makes.

    Raises:
        UsageError: a detector is named but no model takes a person, there is no such detector, or it is the manifest
            and that marks no person.
        ModelError: a model is missing or damaged.
    """
    from cadrage.evaluation.feature_cache import FeatureCache
    from cadrage.evaluation.product import ModelPredictor
    from cadrage.inference.candidate_lists import candidate_list
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.subjects.person import MANIFEST

    listed = None if candidates is None else candidate_list(candidates, "--candidates")
    looking = "own" if detector in (None, MANIFEST) else str(detector)
    # One thread each: the photos already run side by side.
    croppers = [Cropper(name, threads=1, offline=offline, detector=looking) for name in names]
    takes_persons = any(cropper.looks_for_person for cropper in croppers)
    if detector is not None and not takes_persons:
        expect_persons(croppers[0], f"--detector {detector}")
    marked = takes_persons and detector in (None, MANIFEST) and any(len(record.persons_xyxy) for record in records)
    if detector == MANIFEST and not marked:
        raise UsageError(f"--detector {MANIFEST}: the data set marks no person; choose own, onnx:FILE or none")
    for cropper in croppers:
        if cropper.looks_for_person and not marked:
            cropper.make_detector()
    return [
        ModelPredictor(
            cropper, FeatureCache(cropper.model.card) if cache else None, marked_persons=marked, candidates=listed
        )
        for cropper in croppers
    ]


def _write_evaluation(found: "Evaluation", protocol: "Protocol", outputs: OutputOptions) -> None:
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
        write(outputs.predictions, map(encoded, lines), overwrite=outputs.overwrite)
    if outputs.html is not None:
        from cadrage.evaluation.reports.page import page
        from cadrage.evaluation.reports.photos import pick_shown

        shown = pick_shown(result, found.records, found.answers, protocol.main_metric)
        write(outputs.html, [encoded(page(result, rows, shown))], overwrite=outputs.overwrite)
    text = result.to_json()
    if (json_file := json_destination(outputs.json)) is not None:
        write(json_file, [encoded(text)], overwrite=outputs.overwrite)
    # A table would make stdout something else than JSON.
    shown_text = text if outputs.json == STDOUT else result_lines(result, rows, TextStyle.of(sys.stdout))
    Report().data(shown_text.rstrip("\n"))


def run_borders(
    names: Sequence[str],
    data: Path,
    split: str | None,
    around: Around,
    *,
    detector: str | None,
    allow_missing: bool,
    plot: Path | None,
    json: str | None,
    overwrite: bool,
    jobs: int,
    cache: bool,
    offline: bool,
) -> None:
    """Probe the borders of models by name and write everything that is wanted."""
    json_file = json_destination(json)
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: expected a name that ends in .png")
    expect_writable((plot, json_file), "--json and --plot", overwrite=overwrite)
    _expect_named(names)
    with log_told(), extra_installed("eval", "measuring"):
        from cadrage.datasets.manifest import iter_manifest
        from cadrage.evaluation.borders.report import probe_json, probe_lines
        from cadrage.evaluation.borders.run import choose_photos, probe
        from cadrage.evaluation.reports.words import TextStyle

        if plot is not None:
            # Missed now, not after the work.
            import matplotlib  # noqa: F401
        records, described = choose_photos(data, split)
        predictors = _model_predictors(names, iter_manifest(data), detector=detector, cache=cache, offline=offline)
        with reporting(len(records) * len(predictors)) as report:
            probed = [
                probe(
                    records,
                    predictor,
                    around=around,
                    allow_missing=allow_missing,
                    jobs=jobs,
                    advance=report.advance,
                )
                for predictor in predictors
            ]
        text = probe_json(probed, described, around)
        if plot is not None:
            from cadrage.evaluation.borders.plot import draw_probe

            named = f"{'/'.join(data.resolve().parts[-2:])}, {split or 'every photo'}"
            write(plot, [draw_probe(probed, named, around)], overwrite=overwrite)
    if json_file is not None:
        write(json_file, [encoded(text)], overwrite=overwrite)
    table = probe_lines(probed, around, TextStyle.of(sys.stdout))
    Report().data((text if json == STDOUT else table).rstrip("\n"))


def _expect_named(models: Sequence[str]) -> None:
    """Raise UsageError for the choice between models, whose deviations would be those of two scales."""
    from cadrage.inference.choice import AUTO, FOR_PEOPLE
    from cadrage.inference.store.packaged import DEFAULT

    if AUTO in models:
        raise UsageError(
            f"--model {AUTO}: borders are probed model by model; name them, --model {DEFAULT} --model {FOR_PEOPLE}"
        )
