"""Makes the small files of which published data sets consist."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a photo of a size; every seed gives other bytes."""

    def make(name: str, size_wh: tuple[int, int] = (60, 40), seed: int = 0) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size_wh, (40, 80, 90)).save(file, format="JPEG", comment=str(seed).encode())
        return file

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file: bytes and text as they are, anything else as JSON."""

    def save(name: str, content: object) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return save
