"""The Python on the pages about people and importance runs as it stands there, on small models and photos."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.inference.store import registry

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("human-centric.md", "global-attention.md", "subjects.md")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, red_at: Callable[..., np.ndarray]) -> None:
    """The current folder, with every photo that the pages name."""
    monkeypatch.chdir(tmp_path)
    for name in ("beach", "party", "ann"):
        Image.fromarray(red_at(0.4, 0.5, (120, 80))).save(f"{name}.jpg")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, person_model: Path) -> None:
    """One small model with a map, told the main person, for all that are not in the package."""
    resolve, published = registry.resolve, ("human-centric", "global-attention")
    monkeypatch.setattr(
        registry,
        "resolve",
        lambda name, *, offline=False: person_model if name in published else resolve(name, offline=offline),
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_one_after_the_other(photos: None, models: None, page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
