"""``cadrage eval portraits``: who is kept of two people."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.cli.eval_output import STDOUT, encoded, expect_writable, json_destination, write
from cadrage.cli.helptext import extra_installed
from cadrage.cli.inputs import listed
from cadrage.cli.logged import log_told
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

_LEAST = 2
_SIDE_PX = 1024


def run_portraits(
    files: Sequence[str],
    model: str,
    *,
    detector: str | None,
    people_aware: bool,
    json: str | None,
    overwrite: bool,
    offline: bool,
) -> None:
    """Show every two of the portraits to a model and write whom it keeps.

    Raises:
        UsageError: there are fewer than two portraits, two have one name, or an output cannot be written.
        PhotoError: a portrait cannot be read.
        ModelError: the model is missing or does not work.
    """
    json_file = json_destination(json)
    expect_writable((json_file,), "--json", overwrite=overwrite)
    with log_told(), extra_installed("eval", "measuring"):
        from cadrage.evaluation.portraits.probe import CHANGED, RATIOS, probe, summarise
        from cadrage.evaluation.portraits.report import portrait_json, portrait_lines
        from cadrage.evaluation.product import ModelPredictor
        from cadrage.evaluation.reports.words import TextStyle
        from cadrage.inference.cropper import Cropper

        portraits = _read(files)
        cropper = Cropper(model, offline=offline, detector=detector or "own")

        def first(canvas: "Image", ratio: str) -> tuple[float, float, float, float]:
            return cropper.suggest(canvas, ratio, 1, people_aware=people_aware).best.box_norm

        number = len(portraits)
        shown = len(RATIOS) * (number * (number - 1) // 2 * 2 * (1 + 2 * len(CHANGED)) + number * 2 * len(CHANGED))
        with reporting(shown, "canvases") as report:
            trials = probe(portraits, first, advance=report.advance)
        findings = summarise(trials)
        described = ModelPredictor(cropper).describe() | {"people_aware": people_aware}
        text = portrait_json(described, list(portraits), trials, findings)
        table = portrait_lines(described["name"], number, findings, TextStyle.of(sys.stdout))
    if json_file is not None:
        write(json_file, [encoded(text)], overwrite=overwrite)
    Report().data((text if json == STDOUT else table).rstrip("\n"))


def _read(files: Sequence[str]) -> "dict[str, Image]":
    from cadrage.photo import DEFAULT_MAX_PIXELS

    portraits: dict[str, Image] = {}
    for given in listed(files).photos:
        photo = given.open(DEFAULT_MAX_PIXELS)
        name = Path(photo.name).stem
        if name in portraits:
            raise UsageError(f"{photo.name}: another portrait is called {name}; give each its own name")
        portraits[name] = photo.thumbnail(_SIDE_PX)
    if len(portraits) < _LEAST:
        raise UsageError(f"expected at least {_LEAST} portraits, got {len(portraits)}; name more files or a folder")
    return portraits
