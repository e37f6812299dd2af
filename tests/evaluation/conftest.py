"""Photos with truths, and predictors with fixed opinions; nothing is on the disk unless a test puts it there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cadrage.datasets.manifest import Pair, PhotoRecord
from cadrage.evaluation.answers import Answer, Question

CROP = (0.1, 0.2, 0.9, 0.8)


@pytest.fixture
def record() -> Callable[..., PhotoRecord]:
    def make(
        name: str = "a.png",
        *,
        crops: Sequence[Sequence[float]] = (CROP,),
        scores: Sequence[float] | None = None,
        pairs: Sequence[Pair] = (),
        persons: Sequence[Sequence[float]] = (),
        size_wh: tuple[int, int] = (400, 300),
        folder: Path = Path("data"),
    ) -> PhotoRecord:
        return PhotoRecord(
            file_name=f"images/{name}",
            file=folder / "images" / name,
            size_wh=size_wh,
            crops_xyxy=np.array(crops, dtype=np.float64).reshape(-1, 4),
            scores=np.array([1.0] * len(crops) if scores is None else scores, dtype=np.float64),
            pairs=tuple(pairs),
            persons_xyxy=np.array(persons, dtype=np.float64).reshape(-1, 4),
            source={},
        )

    return make


@dataclass
class Says:
    """Answers every question with the same boxes, and scores by a function of the asked boxes."""

    boxes: Any = ((0.0, 0.0, 1.0, 1.0),)
    score: Callable[[Any], Any] = lambda boxes: boxes[:, 0]
    name: str = "says"
    needs_photos: bool = False

    def answer(self, question: Question) -> Answer:
        boxes = np.array(self.boxes, dtype=np.float64).reshape(-1, 4)[: question.n]
        scores = self.score(question.boxes_xyxy) if len(question.boxes_xyxy) else np.empty(0)
        return Answer(boxes, -np.arange(len(boxes), dtype=np.float64), np.asarray(scores, dtype=np.float64))

    def describe(self) -> dict[str, Any]:
        return {"kind": "test", "name": self.name}


@pytest.fixture
def says() -> type[Says]:
    return Says
