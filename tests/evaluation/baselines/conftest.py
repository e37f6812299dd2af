from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.evaluation.answers import Question


@pytest.fixture
def question() -> Callable[..., Question]:
    def make(n=0, ratio=None, boxes=(), *, size_wh=(400, 300), name="images/a.png", folder=Path("data")) -> Question:
        return Question(name, folder / name, size_wh, n, ratio, np.array(boxes, dtype=np.float64).reshape(-1, 4))

    return make
