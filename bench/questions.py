"""What further questions about a photo cost once it has been encoded, and where the first call spends its time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from timing import Times, interleaved

_BOXES = 1000


def further_questions(photo: Path, model: str, threads: int | None, rounds: int) -> dict[str, Times]:
    """The first call beside one more ratio and 1,000 scored boxes on the photo already encoded.

    Every round asks a ratio and scores boxes never asked before, so that nothing is answered from memory.
    """
    from cadrage import Cropper

    cropper = Cropper(model, threads=threads, offline=True)
    encoded = cropper.encode(photo)
    encoded.suggest(ratio="free", n=5)
    random = np.random.default_rng(7)
    fresh = count(1)
    calls: dict[str, Callable[[], object]] = {
        "first_call": lambda: cropper.suggest(photo, "free", 5),
        "one_more_ratio": lambda: encoded.suggest(ratio=0.6 + 0.013 * next(fresh), n=5),
        "score_1000_boxes": lambda: encoded.score(_boxes(random)),
    }
    return interleaved(calls, rounds)


def parts_of_first_call(photo: Path, model: str, threads: int | None, rounds: int) -> dict[str, Times]:
    """The steps of ``Cropper.suggest``, each alone, for whoever wants to make it faster."""
    from cadrage import Cropper, open_photo

    cropper = Cropper(model, threads=threads, offline=True)
    opened = open_photo(photo)
    side = cropper.model.card.input.side
    image = opened.model_input(side)
    encoded = cropper.model.encode(image, opened.size_wh)
    asked = cropper.encode(photo)
    asked.suggest()
    calls: dict[str, Callable[[], object]] = {
        "open": lambda: open_photo(photo),
        "decode": lambda: opened.model_input(side),
        "checksum": lambda: open_photo(photo).sha256,
        "trunk": lambda: cropper.model.encode(image, opened.size_wh),
        # What is encoded remembers its proposals; a copy does not.
        "proposer": lambda: replace(encoded).proposals(),
        "selection": asked.suggest,
    }
    return interleaved(calls, rounds)


def _boxes(random: np.random.Generator) -> np.ndarray:
    start = random.uniform(0, 0.5, (_BOXES, 2))
    return np.concatenate([start, start + random.uniform(0.2, 0.5, (_BOXES, 2))], axis=1)
