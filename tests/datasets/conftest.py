"""A manifest folder with tiny photos, to be spoilt by the tests."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Row = dict[str, Any]


@pytest.fixture
def row() -> Callable[..., Row]:
    """Makes a valid row for a photo of 40 x 30; single fields can be replaced."""

    def make(name: str = "a", **changes: Any) -> Row:
        return {
            "file_name": f"images/{name}.png",
            "width": 40,
            "height": 30,
            "crops": [{"box": [0.1, 0.1, 0.9, 0.8], "score": 3.0}, {"box": [0.0, 0.25, 0.5, 1], "score": 2}],
            "pairs": [{"a": [0, 0, 0.5, 0.5], "b": [0.5, 0.5, 1, 1], "votes_a": 3, "votes_b": 2}],
            "persons": [[0.1, 0.1, 0.3, 0.9]],
            "source": {"dataset": "mine"},
        } | changes

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows (objects, or text as it is) as the manifest of ``tmp_path``, with a photo for every valid name."""

    def save(*rows: object, photos: bool = True) -> Path:
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
        if photos:
            (tmp_path / "images").mkdir(exist_ok=True)
            for number, row in enumerate(rows):
                if isinstance(row, dict) and str(row.get("file_name")).startswith("images/"):
                    Image.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / row["file_name"])
        return tmp_path

    return save


@pytest.fixture
def list_split() -> Callable[[Path, str, Iterable[str]], Path]:
    """Writes a split of a manifest folder: the stems of its photos."""

    def save(folder: Path, name: str, stems: Iterable[str]) -> Path:
        file = folder / "splits" / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"images/{stem}.png\n" for stem in stems), encoding="utf-8")
        return file

    return save
