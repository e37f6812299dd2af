"""The metrics of the paper on one model, from torch and not through an exported model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.protocols.ranking import GAICD_RANKING
from cadrage.evaluation.result import Estimate
from cadrage.papers.set_prediction.measure import TestResult
from cadrage.papers.set_prediction.predict import best_device
from cadrage.training.engine.evaluators.samples import RatedSamples, collate
from cadrage.training.run import load_trained
from cadrage.training.systems.grid_anchor import GridRecipe

_DECIMALS = 6


def measure_run(run: Path, recipe: GridRecipe, records: Sequence[PhotoRecord], entries: tuple[str, ...]) -> TestResult:
    """SRCC, PCC and every accuracy of `GAICD_RANKING` on the rated crops, means over photos with 95 % intervals.

    ``others["undefined"]`` counts photos whose correlations are 0 by convention, as all scores are equal.

    Raises:
        UsageError: none of the photos can be read.
    """
    model = load_trained(run, best_device(), of=GridRecipe).model
    samples = RatedSamples(records, None, recipe, augmented=False)
    values: list[dict[str, float]] = []
    unreadable, undefined = [], 0
    for index, record in enumerate(records):
        batch = collate([samples[(0, index)]]).to(best_device())
        if not batch.file_names:
            unreadable.append(record.file_name)
            continue
        with torch.no_grad():
            scores = model(batch.images[0], batch.rated_xyxy)[0].double().cpu().numpy()
        judged = GAICD_RANKING.judge(record, [Answer(box_scores=scores)])
        values.append(dict(judged.values))
        undefined += "srcc" in judged.undefined
    if not values:
        raise UsageError(f"{', '.join(entries)}: none of its {len(records)} photos can be read; check the folder")
    metrics = {name: _estimate(np.array([each[name] for each in values])) for name in values[0]}
    return TestResult(entries, len(values), tuple(unreadable), metrics, {"undefined": float(undefined)})


def _estimate(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Estimate:
    mean, low, high = (round(each, _DECIMALS) for each in bootstrap_mean(values))
    return Estimate(mean, low, high, len(values))
