"""A caller's ONNX file before anything of it is run: what it reads, what it takes and what it returns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime

from cadrage.errors import ModelError
from cadrage.inference.subjects.onnx_outputs import CLASSES, STRIDES, WIDTHS

DETR_OUTPUTS = ("logits", "pred_boxes")
YUNET_OUTPUTS = tuple(f"{part}_{stride}" for part in WIDTHS for stride in STRIDES)

_LARGEST_SIDE = 4096
_DEFAULT_SIDE = 640
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")

# In the format of the files (onnx.proto3 of ONNX 1.18).
# Of each message that can hold a tensor: the numbers of the fields that lead there, and what message each holds.
_LEADS_TO = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


def start(file: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Load a network for the CPU.

    Raises:
        ModelError: the file cannot be read, is no network, or has some of its numbers in other files.
    """
    if not file.is_file():
        raise ModelError(f"{file}: no such file; give an ONNX file as onnx:FILE")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); give an ONNX file as onnx:FILE") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        # Whoever wrote the file would choose what else on this machine is read; the runtime only minds the folder.
        elsewhere = reads_other_files(content)
        session = None if elsewhere else onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
        raise ModelError(f"{file}: not a usable ONNX file ({line(error)}); fetch it again") from None
    if session is None:
        raise ModelError(f"{file}: has some of its numbers in other files; export it again as one file")
    return session


def input_size_hw(session: onnxruntime.InferenceSession) -> tuple[int, int]:
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


def expected_outputs(session: onnxruntime.InferenceSession, size_hw: tuple[int, int]) -> tuple[str, ...]:
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
        names = line(", ".join(sorted(returned)))
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


def reads_other_files(content: bytes) -> bool:
    """Whether any tensor of an ONNX file has its values in another file.

    It looks at every tensor that the format knows without reading any values; what it cannot follow it calls broken.

    Raises:
        ValueError: it is no ONNX file.
    """
    if content[4:8] == b"ORTM":
        raise ValueError("it is in the format of the runtime")
    left: list[tuple[str, memoryview]] = [("model", memoryview(content))]
    while left:
        message, data = left.pop()
        for number, value in _fields(data):
            if message == "tensor":
                if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                    return True
            elif number in _LEADS_TO[message]:
                if not isinstance(value, memoryview):
                    raise ValueError("a field is of another type than the format says")
                left.append((_LEADS_TO[message][number], value))
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Numbers and values of the fields of a message in protobuf's wire format."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        # Readers of the format take 32 bits of a tag.
        number, wire_type = (tag & 0xFFFFFFFF) >> 3, tag & 7
        if wire_type == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire_type == _DELIMITED:
            length, at = _varint(data, at)
        elif wire_type in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if wire_type == _EIGHT_BYTES else 4
        else:
            raise ValueError("a field has an unknown type")
        if length > len(data) - at:
            raise ValueError("it ends within a field")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and where the next one does: seven bits a byte, the lowest first."""
    number = 0
    for count in range(10):
        if at + count >= len(data):
            raise ValueError("it ends within a number")
        byte = data[at + count]
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, at + count + 1
    raise ValueError("a number has too many bytes")


def line(text: object) -> str:
    """The beginning of a text that a file or the runtime chose, on one line."""
    return " ".join(str(text).split())[:200]


def _fits(value: Any, shape: tuple[object, ...], types: tuple[str, ...]) -> bool:
    """Whether an input or output has a type and a shape; a side that either leaves open fits any."""
    if value.type not in types or len(value.shape) != len(shape):
        return False
    pairs = zip(value.shape, shape, strict=True)
    return all(one == other for one, other in pairs if isinstance(one, int) and isinstance(other, int))


def _sides_fit(sides: list[int | str | None]) -> bool:
    return all(1 <= side <= _LARGEST_SIDE for side in sides if isinstance(side, int))


def _described(value: Any) -> str:
    return "none" if value is None else line(f"{value.name} {value.type} ({', '.join(map(str, value.shape))})")
