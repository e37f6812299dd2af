"""Deterministic, photo-like JPEGs of quality 90: in three sizes with the detail of real photos, about 2 bits a pixel,
and one with little detail, as enlarged, denoised or misty photos have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

# Width, height, how much of the usual texture and noise, and what to call it.
_MADE = ((640, 480, 1.0, ""), (4000, 3000, 1.0, ""), (4000, 3000, 0.3, " smooth"), (8160, 6144, 1.0, ""))

_SCENE_WH = (1024, 768)
_TILE = 1024
_BAND_ROWS = 512
_NOISE = 2.0  # standard deviation in grey levels of what a sensor adds to every pixel
_TEXTURE = 10.0  # likewise of leaves, cloth and skin
_ROTATED = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """One JPEG on disk."""

    path: Path
    size_wh: tuple[int, int]
    kind: str = ""

    @property
    def megapixels(self) -> float:
        return self.size_wh[0] * self.size_wh[1] / 1e6

    @property
    def label(self) -> str:
        return f"{self.megapixels:.{1 if self.megapixels < 1 else 0}f} Mpx{self.kind}"

    def to_json(self) -> dict[str, object]:
        size = self.path.stat().st_size
        bits_per_pixel = round(8e-6 * size / self.megapixels, 2)
        return {"label": self.label, "size_wh": self.size_wh, "bytes": size, "bits_per_pixel": bits_per_pixel}


def make_photos(folder: Path) -> list[Sample]:
    """Write the JPEGs, smallest first."""
    samples = []
    for width, height, detail, kind in _MADE:
        sample = Sample(folder / f"{width}x{height}{kind.strip()}.jpg", (width, height), kind)
        _photo(sample.size_wh, detail).save(sample.path, quality=90)
        samples.append(sample)
    return samples


def given_photos(paths: Sequence[Path]) -> list[Sample]:
    """Photos of the user's own, smallest first."""
    samples = []
    for number, path in enumerate(paths, 1):
        with Image.open(path) as image:
            samples.append(Sample(path, image.size, f" #{number}"))
    return sorted(samples, key=lambda sample: sample.megapixels)


def on_its_side(photo: Path, folder: Path) -> Path:
    """The same JPEG data, marked as taken with the camera turned: EXIF orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = _ROTATED
    block = exif.tobytes()
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    data = photo.read_bytes()
    target = folder / f"{photo.stem}_turned.jpg"
    target.write_bytes(data[:2] + segment + data[2:])
    return target


def _photo(size_wh: tuple[int, int], detail: float) -> Image.Image:
    width, height = size_wh
    random = np.random.default_rng(2026)
    scene = _scene(random).resize(size_wh, Image.Resampling.BICUBIC)
    tile = _pink_tile(random) * detail
    # Mirrored and repeated, the tile has no seams.
    tile = np.block([[tile, tile[:, ::-1]], [tile[::-1], tile[::-1, ::-1]]])
    columns = np.arange(width) % (2 * _TILE)
    bands = []
    for top in range(0, height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, height)
        rows = np.arange(top, bottom) % (2 * _TILE)
        texture = tile[np.ix_(rows, columns)]
        noise = random.standard_normal((bottom - top, width), np.float32) * (_NOISE * detail)
        band = np.asarray(scene.crop((0, top, width, bottom)), np.float32) + (texture + noise)[:, :, None]
        bands.append(band.clip(0, 255).astype(np.uint8))
    return Image.fromarray(np.concatenate(bands))


def _scene(random: np.random.Generator) -> Image.Image:
    """A sky that darkens upwards, ground, a few soft shapes and one bright subject off the centre."""
    width, height = _SCENE_WH
    down = np.linspace(0, 1, height)[:, None, None]
    sky, ground = np.array([90, 140, 210.0]), np.array([120, 110, 70.0])
    pixels = np.where(down < 0.6, sky + 90 * down, ground - 60 * (down - 0.6)) * np.ones((height, width, 3))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, radius = random.uniform(0, width), random.uniform(0.4 * height, height), random.uniform(20, 110)
        colour = tuple(int(value) for value in random.integers(40, 200, 3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    draw.ellipse((620, 280, 800, 520), fill=(225, 180, 150))
    draw.rectangle((640, 500, 780, 740), fill=(190, 30, 40))
    return image.filter(ImageFilter.GaussianBlur(2))


def _pink_tile(random: np.random.Generator) -> NDArray[np.float32]:
    """Noise whose amplitude falls with one over the frequency, as in photos; mean 0."""
    vertical, horizontal = np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None]
    frequency = np.hypot(vertical, horizontal)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.standard_normal((_TILE, _TILE))) / frequency
    tile = np.fft.irfft2(spectrum, (_TILE, _TILE))
    return (tile * (_TEXTURE / tile.std())).astype(np.float32)
