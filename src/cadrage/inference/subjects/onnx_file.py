"""A caller's ONNX file before anything of it is run: what it reads, what it takes and what it returns."""

from pathlib import Path
from typing import Any

from cadrage.errors import ModelError, in_short
from cadrage.inference.runtime import Network, Session
from cadrage.inference.store.onnx_format import refusal
from cadrage.inference.store.regular import read_regular
from cadrage.inference.subjects.onnx_outputs import CLASSES, STRIDES, WIDTHS

DETR_OUTPUTS = ("logits", "pred_boxes")
YUNET_OUTPUTS = tuple(f"{part}_{stride}" for part in WIDTHS for stride in STRIDES)

_LARGEST_SIDE = 4096
_DEFAULT_SIDE = 640
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")


def read_network(file: Path, threads: int | None) -> Network:
    """A network for the CPU, started once to see that it can be.

    Raises:
        ModelError: the file cannot be read, is no network, has some of its numbers in other files, or parts that it
            repeats.
    """
    try:
        content = read_regular(file)
    except FileNotFoundError:
        raise ModelError(f"{file}: no such file; give an ONNX file as onnx:FILE") from None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); give an ONNX file as onnx:FILE") from None
    network = Network(content, threads=threads)
    try:
        # Whoever wrote the file would choose what else on this machine is read; the runtime only minds the folder.
        refused = refusal(content)
        if refused is None:
            _ = network.session
    except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
        raise ModelError(f"{file}: not a usable ONNX file ({in_short(error)}); fetch it again") from None
    if refused is not None:
        raise ModelError(f"{file}: {refused}")
    return network


def input_size_hw(session: Session) -> tuple[int, int]:
    """Height and width in pixels of the photo that the network takes; 640 where it leaves them open.

    Raises:
        ValueError: it takes no photo, one of other sides than 1 to 4096 pixels, or anything but masks beside it.
    """
    image, *masks = session.get_inputs() or [None]
    if image is None or not _fits(image, (1, 3, None, None), ("tensor(float)",)) or not _sides_fit(image.shape[2:]):
        wanted = f"an image of floats (1, 3, height, width) with sides from 1 to {_LARGEST_SIDE}"
        raise ValueError(f"expected {wanted} as first input, got {_described(image)}")
    for mask in masks:  # DETR's, of the pixels that count
        if not _fits(mask, (1, None, None), ("tensor(int64)",)) or not _sides_fit(mask.shape[1:]):
            raise ValueError(f"expected an image alone or a mask (1, height, width) with it, got {_described(mask)}")
    height, width = (side if isinstance(side, int) else _DEFAULT_SIDE for side in image.shape[2:])
    return height, width


def expected_outputs(session: Session, size_hw: tuple[int, int]) -> tuple[str, ...]:
    """The names of YuNet's outputs or of DETR's, whichever the network has.

    Args:
        size_hw: height and width of the photo that it takes.

    Raises:
        ValueError: it has neither, or they are of another type or shape than they should be.
    """
    returned = {one.name: one for one in session.get_outputs()}
    if set(YUNET_OUTPUTS) <= returned.keys():
        for name in YUNET_OUTPUTS:
            part, stride = name.split("_")
            cells = (size_hw[0] // int(stride)) * (size_hw[1] // int(stride))
            if not _fits(returned[name], (1, cells, WIDTHS[part]), _FLOATS):
                size = f"{size_hw[1]}x{size_hw[0]}"
                raise ValueError(
                    f"the outputs of stride {stride} do not fit an input of {size} pixels: expected {name} to be "
                    f"floats (1, {cells}, {WIDTHS[part]}), got {_described(returned[name])}"
                )
        return YUNET_OUTPUTS
    if not set(DETR_OUTPUTS) <= returned.keys():
        names = in_short(", ".join(sorted(returned)))
        raise ValueError(
            f"expected the outputs of YuNet (cls_8, obj_8, bbox_8, ...) or of DETR (logits, pred_boxes), got {names}"
        )
    logits, boxes = (returned[name] for name in DETR_OUTPUTS)
    if not _fits(boxes, (1, None, 4), _FLOATS) or not _fits(logits, (1, boxes.shape[1], None), _FLOATS):
        got = f"{_described(logits)} and {_described(boxes)}"
        raise ValueError(f"expected floats logits (1, N, C) and pred_boxes (1, N, 4), got {got}")
    if isinstance(logits.shape[2], int) and logits.shape[2] not in CLASSES:
        raise ValueError(f"expected 80, 91 or 92 classes of COCO in logits, got {logits.shape[2]}")
    return DETR_OUTPUTS


def _fits(value: Any, shape: tuple[object, ...], types: tuple[str, ...]) -> bool:
    """Whether an input or output has a type and a shape; a side that either leaves open fits any."""
    if value.type not in types or len(value.shape) != len(shape):
        return False
    pairs = zip(value.shape, shape, strict=True)
    return all(one == other for one, other in pairs if isinstance(one, int) and isinstance(other, int))


def _sides_fit(sides: list[int | str | None]) -> bool:
    return all(1 <= side <= _LARGEST_SIDE for side in sides if isinstance(side, int))


def _described(value: Any) -> str:
    return "none" if value is None else in_short(f"{value.name} {value.type} ({', '.join(map(str, value.shape))})")
