"""What a model's card says of how a photo is shown to it: squashed to a square, or at its own shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from cadrage.errors import ModelError
from cadrage.geometry.input_size import input_size
from cadrage.inference.store.strict_json import shown
from cadrage.photo.resize import RESIZE_FILTERS, ResizeFilter

Shape = Literal["square", "own"]

_SMALLEST_SIDE, _LARGEST_SIDE = 16, 4096
_LARGEST_MULTIPLE = 256


@dataclass(frozen=True, slots=True)
class ModelInput:
    """How photos are shown to a model.

    Attributes:
        side: in pixels, of the square or of the shorter side.
        shape: ``square`` for photos squashed, ``own`` for their own shape.
        multiple, longer_side_limit: of photos at their own shape, as `input_size` takes them.
        resize_filter: how they are made smaller.
    """

    side: int
    shape: Shape = "square"
    multiple: int = 1
    longer_side_limit: int = 0
    resize_filter: ResizeFilter = "area"

    def size_wh(self, photo_wh: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels at which a photo of this size is shown."""
        if self.shape == "square":
            return self.side, self.side
        return input_size(photo_wh, self.side, self.longer_side_limit, self.multiple)


def card_of_input(described: ModelInput) -> dict[str, Any]:
    """The object ``input`` of a card, as `read_input` reads it, with words for people."""
    own = described.shape == "own"
    squash = "" if own else "squash, "
    how = {"area": "bilinear with antialias", "bilinear-plain": "bilinear without antialias", "lanczos": "Lanczos"}
    rule = {"multiple": described.multiple, "longer_side_limit": described.longer_side_limit}
    return (
        {"side": described.side, "resize": squash + how[described.resize_filter], "range": "RGB in [0, 1]"}
        | ({"shape": "own", **rule} if own else {})
        | ({} if described.resize_filter == "area" else {"filter": described.resize_filter})
    )


def read_input(path: Path, values: Mapping[str, Any]) -> ModelInput:
    """The object ``input`` of a card.

    Args:
        path: of the card, for messages.
        values: as they stand there. What they do not say is as in `ModelInput`.

    Raises:
        ModelError: a value is of the wrong kind.
    """
    given = {name: values.get(name, default) for name, default in (("shape", "square"), ("filter", "area"))}
    for name, known in (("shape", get_args(Shape)), ("filter", RESIZE_FILTERS)):
        if given[name] not in known:
            raise ModelError(f"{path}: expected input.{name} to be {' or '.join(known)}, got {shown(given[name])}")
    side = _whole_number(path, values, "side", _SMALLEST_SIDE, _LARGEST_SIDE)
    shape, resize_filter = cast(Shape, given["shape"]), cast(ResizeFilter, given["filter"])
    if shape == "square":
        return ModelInput(side, resize_filter=resize_filter)
    multiple = _whole_number(path, values, "multiple", 1, _LARGEST_MULTIPLE)
    limit = _whole_number(path, values, "longer_side_limit", max(_SMALLEST_SIDE, multiple), _LARGEST_SIDE)
    return ModelInput(side, shape, multiple, limit, resize_filter)


def _whole_number(path: Path, values: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ModelError(
            f"{path}: expected input.{name} to be a whole number from {least} to {most}, got {shown(value)}"
        )
    return value
