"""What an ONNX file would do besides computing, found in its bytes before the runtime sees any of them."""

from collections.abc import Iterator

# In the format of the files (onnx.proto3 of ONNX 1.18).
# Of each message that can hold a tensor: the numbers of the fields that lead there, and what message each holds.
_LEADS_TO = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "branches": {5: "branch"},
    "attribute": {5: "tensor", 10: "tensor", 22: "sparse", 23: "sparse"},
    "branch": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_OPERATOR, _DOMAIN = 4, 7
_GRAPH, _GRAPHS = 6, 11
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5

# Some seconds; networks that people use have some ten thousand.
_MOST_FIELDS = 5_000_000

_REPEATING = (b"Loop", b"Scan", b"SequenceMap")

_ELSEWHERE = "has some of its numbers in other files; export it again as one file"
_REPEATS = "repeats a part of itself as often as it likes; export it again without loops"


def refusal(content: bytes) -> str | None:
    """Why an ONNX file must not be run, and the way out; None if nothing speaks against it.

    Refused are values in other files, which no checksum covers, and parts that are run repeatedly, as a file of a few
    bytes could then keep a run busy for years. It looks at every tensor and node that the format knows without reading
    any values; what it cannot follow it calls broken.

    Raises:
        ValueError: it is no ONNX file.
    """
    if content[4:8] == b"ORTM":
        raise ValueError("it is in the format of the runtime")
    seen = 0
    left: list[tuple[str, memoryview]] = [("model", memoryview(content))]
    while left:
        message, data = left.pop()
        if message == "node":
            names = {
                number: bytes(value)
                for number, value in _fields(data)
                if number in (_OPERATOR, _DOMAIN) and isinstance(value, memoryview)
            }
            if names.get(_OPERATOR) in _REPEATING:
                return _REPEATS
            # The one operator that holds graphs and runs each once at most.
            if names.get(_OPERATOR) == b"If" and names.get(_DOMAIN, b"") in (b"", b"ai.onnx"):
                message = "branches"
        for number, value in _fields(data):
            seen += 1
            if seen > _MOST_FIELDS:
                raise ValueError(f"it has more than {_MOST_FIELDS} fields")
            if message == "tensor":
                if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                    return _ELSEWHERE
            elif message == "attribute" and number in (_GRAPH, _GRAPHS):
                return _REPEATS
            elif number in _LEADS_TO[message]:
                if not isinstance(value, memoryview):
                    raise ValueError("a field is of another type than the format says")
                left.append((_LEADS_TO[message][number], value))
    return None


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
