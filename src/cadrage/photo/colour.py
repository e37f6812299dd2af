"""From whatever colours a file holds to 8-bit sRGB on a plain ground, as the models and the previews expect them."""

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

WHITE = (255, 255, 255)

# Grounds, as levels of grey, for pictures with transparent places; the first that hides little is taken.
_GROUNDS = (255, 128, 32)
_HIDDEN_LEVELS = 40
_LITTLE_HIDDEN = 0.1
# A picture that is visible but for its corners is a photo, whatever stands behind those.
_NEARLY_OPAQUE = 0.95

# Modes of more than 8 bits per sample. Pillow opens 16-bit colour as 8-bit; only grey arrives with its depth.
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")

# The ICC colour spaces whose samples lie in each mode the way the profile expects.
_ICC_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def has_alpha(image: Image.Image) -> bool:
    """Whether the picture has transparent places: an alpha channel, a transparent palette entry or a key colour."""
    return image.mode not in DEEP_MODES and image.has_transparency_data


def eight_bit(image: Image.Image) -> Image.Image:
    """Deep grey (16-bit, 32-bit integer, float) as mode ``L``; other modes unchanged.

    16-bit samples keep their upper byte, 12-bit samples in a TIFF their upper eight of twelve. Files do not say what
    white is in 32-bit and float samples: it is the first of 1 (floats only), 255 and 65535 that no sample exceeds;
    beyond that, or below zero, the range of the picture is stretched.
    """
    if image.mode not in DEEP_MODES:
        return image
    samples = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((samples >> (_bits_per_sample(image) - 8)).clip(0, 255).astype(np.uint8))
    values: npt.NDArray[np.floating[Any]] = np.nan_to_num(samples.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    whites: Iterable[float] = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        # A double, as the range of two floats may be too large for a float.
        values = values.astype(np.float64) - low
        white = max(high - low, 1e-6)
    return Image.fromarray((values * (255 / white) + 0.5).clip(0, 255).astype(np.uint8))


def _bits_per_sample(image: Image.Image) -> int:
    bits = getattr(image, "tag_v2", {}).get(258, 16)
    return 12 if bits in (12, (12,)) else 16


def resizable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose samples may be averaged: no palette, no bits, transparency as an alpha channel."""
    if image.mode in ("LA", "RGBA", "CMYK", "LAB"):
        return image
    grey = image.mode in ("1", "L")
    if has_alpha(image):
        return image.convert("LA" if grey else "RGBA")
    if image.mode in ("L", "RGB", *DEEP_MODES):
        return image
    return image.convert("L" if grey else "RGB")


def flat_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Mode ``RGB``, 8 bits, sRGB; ``icc`` is the profile the samples are meant in.

    Transparent places become white, or grey where a tenth of what is visible is nearly white itself.

    A profile that is damaged, or made for other channels than the picture has, is ignored. Without a profile, RGB is
    taken for sRGB and CMYK is converted by its plain definition.
    """
    image = resizable(eight_bit(image))
    if not has_alpha(image):
        return srgb(image, icc)
    alpha = image.getchannel("A")
    colour = srgb(image.convert(image.mode.removesuffix("A")), icc)
    flat = Image.new("RGB", image.size, _ground(colour, alpha))
    flat.paste(colour, mask=alpha)
    return flat


def _ground(colour: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    """The ground on which the visible part of an sRGB picture can be seen."""
    visible = np.asarray(alpha, np.float32)
    if visible.mean() >= 255 * _NEARLY_OPAQUE or not visible.any():
        return WHITE
    levels = np.bincount(np.asarray(colour.convert("L")).ravel(), visible.ravel(), 256)
    distance = np.abs(np.arange(256) - np.array(_GROUNDS)[:, None])
    hidden = ((distance < _HIDDEN_LEVELS) @ levels / levels.sum()).tolist()
    good = next((index for index, part in enumerate(hidden) if part <= _LITTLE_HIDDEN), hidden.index(min(hidden)))
    return (_GROUNDS[good],) * 3


def srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An opaque picture of mode L, RGB, CMYK or LAB as 8-bit sRGB in mode ``RGB``."""
    if image.mode == "LAB" or (icc and image.mode in _ICC_SPACES):
        transform = _to_srgb(icc, image.mode)
        if transform is not None:
            converted = ImageCms.applyTransform(image, transform) or image.convert("RGB")
            # Pillow attaches the profile of the target, which says nothing and carries the time of day.
            converted.info.pop("icc_profile", None)
            return converted
    return image.convert("RGB")


# Building a transform takes milliseconds, applying it to a model input a fraction of one; a folder of photos has few
# profiles.
@lru_cache(maxsize=8)
def _to_srgb(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform to sRGB; None if the samples are sRGB already or the profile is of no use."""
    try:
        if mode == "LAB":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))
            if profile.profile.xcolor_space.strip() != _ICC_SPACES[mode]:
                return None
            if mode == "RGB" and ImageCms.getProfileDescription(profile).startswith("sRGB"):
                return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
