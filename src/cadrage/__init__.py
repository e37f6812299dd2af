"""Cadrage finds the good crops in a photo: several diverse boxes, each with a score, at any aspect ratio."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadrage.errors import (
        CadrageError,
        ConstraintError,
        DetectionError,
        ModelError,
        OutputError,
        PhotoError,
        UsageError,
    )
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.results import Suggestions
    from cadrage.inference.selection.crop import Crop
    from cadrage.photo import Photo, open_photo

__version__ = "0.1.0"

__all__ = [
    "CadrageError",
    "ConstraintError",
    "Crop",
    "Cropper",
    "DetectionError",
    "ModelError",
    "OutputError",
    "Photo",
    "PhotoError",
    "Suggestions",
    "UsageError",
    "__version__",
    "open_photo",
]

# Resolved on first use, so that importing the package costs milliseconds.
_HOMES = {
    "CadrageError": "cadrage.errors",
    "ConstraintError": "cadrage.errors",
    "Crop": "cadrage.inference.selection.crop",
    "Cropper": "cadrage.inference.cropper",
    "DetectionError": "cadrage.errors",
    "ModelError": "cadrage.errors",
    "OutputError": "cadrage.errors",
    "Photo": "cadrage.photo",
    "PhotoError": "cadrage.errors",
    "Suggestions": "cadrage.inference.results",
    "UsageError": "cadrage.errors",
    "open_photo": "cadrage.photo",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cadrage' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
