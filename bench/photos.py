"""Deterministic, photo-like JPEGs in three sizes, as expensive to decode as real ones (about 2 bits a pixel)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZES_WH = {"0.3 Mpx": (640, 480), "12 Mpx": (4000, 3000), "50 Mpx": (8160, 6144)}
LARGEST = "50 Mpx"

_SCENE_WH = (1024, 768)
_TILE = 1024
_BAND_ROWS = 512
_NOISE = 3.5  # standard deviation in grey levels of what a sensor adds to every pixel
_TEXTURE = 14.0  # likewise of leaves, cloth and skin
_ROTATED = 6


def make_photos(folder: Path) -> dict[str, Path]:
    """Write one JPEG of quality 90 per size and return their paths."""
    paths = {}
    for label, size_wh in SIZES_WH.items():
        path = folder / f"{label.split()[0].replace('.', '_')}mpx.jpg"
        _photo(size_wh).save(path, quality=90)
        paths[label] = path
    return paths


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


def _photo(size_wh: tuple[int, int]) -> Image.Image:
    width, height = size_wh
    random = np.random.default_rng(2026)
    scene = _scene(random).resize(size_wh, Image.Resampling.BICUBIC)
    tile = _pink_tile(random)
    # Mirrored and repeated, the tile has no seams.
    tile = np.block([[tile, tile[:, ::-1]], [tile[::-1], tile[::-1, ::-1]]])
    columns = np.arange(width) % (2 * _TILE)
    bands = []
    for top in range(0, height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, height)
        rows = np.arange(top, bottom) % (2 * _TILE)
        texture = tile[np.ix_(rows, columns)]
        noise = random.standard_normal((bottom - top, width), np.float32) * _NOISE
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
