"""Photometric augmentation as grid-anchor cropping does it (Zeng et al., TPAMI 2020), after SSD (Liu et al., 2016)."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


def photometric(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Vary brightness, contrast, saturation and hue, each with probability 1/2; nothing is clipped.

    Args:
        pixels: ``(H, W, 3)`` RGB, 0 to 255.
        rng: decides everything.

    Returns:
        An array of the same shape; values may leave the range.
    """
    if rng.random() < 0.5:
        pixels = pixels + np.float32(rng.uniform(-32, 32))
    contrast_first = rng.random() < 0.5
    if contrast_first:
        pixels = _contrast(pixels, rng)
    pixels = _saturation_and_hue(pixels, rng)
    return pixels if contrast_first else _contrast(pixels, rng)


def _contrast(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return pixels * np.float32(rng.uniform(0.5, 1.5)) if rng.random() < 0.5 else pixels


def _saturation_and_hue(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    factor = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1.0
    turn_degrees = rng.uniform(-18, 18) if rng.random() < 0.5 else 0.0
    if factor == 1.0 and turn_degrees == 0.0:
        return pixels
    hue_degrees, saturation, value = rgb_to_hsv(pixels)
    return hsv_to_rgb((hue_degrees + np.float32(turn_degrees)) % 360, saturation * np.float32(factor), value)


def rgb_to_hsv(pixels: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Hue in degrees [0, 360), saturation (0 for greys) and value (the largest channel) of ``(H, W, 3)``."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    value, least = pixels.max(axis=-1), pixels.min(axis=-1)
    chroma = value - least
    safe = np.where(chroma == 0, 1, chroma)
    sector = np.where(
        value == red,
        ((green - blue) / safe) % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue_degrees = np.where(chroma == 0, 0, sector * 60).astype(np.float32)
    saturation = np.where(value == 0, 0, chroma / np.where(value == 0, 1, value)).astype(np.float32)
    return hue_degrees, saturation, value


def hsv_to_rgb(hue_degrees: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    """The inverse of `rgb_to_hsv`; a saturation above 1 gives values below 0."""
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue_degrees / 60) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=-1).astype(np.float32)
