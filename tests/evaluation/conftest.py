"""Photos with truths, predictors with fixed opinions, photos of noise and a count of what models run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import Pair, PhotoRecord
from cadrage.evaluation.answers import Answer, Question
from cadrage.inference.session import Model

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


@pytest.fixture(scope="session")
def write_noise() -> Callable[..., Path]:
    """Write a photo of noise, another for each seed."""

    def write(file: Path, seed: int = 0, size_wh: tuple[int, int] = (200, 150)) -> Path:
        pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size_wh, Image.Resampling.BICUBIC).save(file)
        return file

    return write


@pytest.fixture
def parts_run(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Model and part of every run of a part of a model."""
    ran: list[tuple[str, str]] = []
    real_run = Model.run

    def counted(model: Model, part: Any, *arguments: Any) -> Any:
        ran.append((model.card.name, part))
        return real_run(model, part, *arguments)

    monkeypatch.setattr(Model, "run", counted)
    return ran
