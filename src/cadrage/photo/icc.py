"""Small ICC profiles made from the code points (ITU-T H.273) by which a file may state its colours.

A profile has matrix and curve, which every colour management reads, and repeats the code points in the tag ``cicp``
for whoever knows more. Of a high dynamic range the curve shows what a usual screen can: up to a little below paper
white as it is, the highlights above rolled off.
"""

import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chromaticities = tuple[tuple[float, float], ...]
"""x and y of white, red, green and blue."""

PQ, HLG = 16, 18


class CodePoints(NamedTuple):
    """Colour primaries, transfer characteristics, and whether samples use the full range."""

    primaries: int
    transfer: int
    full_range: bool = True


_D65, _C, _DCI, _E = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351), (1 / 3, 1 / 3)
_NTSC = (_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07))

PRIMARIES: Mapping[int, Chromaticities] = {
    1: (_D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)),
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    6: _NTSC,
    7: _NTSC,
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    10: (_E, (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: (_DCI, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: (_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    22: (_D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}

_PEAK_NITS, _HLG_PEAK_NITS, _PAPER_WHITE_NITS = 10_000.0, 1_000.0, 203.0
_HLG_SYSTEM_GAMMA = 1.2
# Up to this part of a screen's light highlights are shown as they are.
_SHOULDER = 0.6


def _power(exponent: float) -> Callable[[Floats], Floats]:
    return lambda signal: signal**exponent


def _toe(power: float, offset: float, slope: float, start: float) -> Callable[[Floats], Floats]:
    """A power of the signal whose dark end is a straight line."""
    return lambda signal: np.where(
        signal < start, signal / slope, ((np.maximum(signal, start) + offset) / (1 + offset)) ** power
    )


def _log(decades: float) -> Callable[[Floats], Floats]:
    return lambda signal: np.where(signal > 0, 10 ** (decades * (signal - 1)), 0.0)


def _pq(signal: Floats) -> Floats:
    """SMPTE ST 2084, as a usual screen shows it."""
    root = signal ** (32 / 2523)
    light = (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
    return _rolled_off(light * _PEAK_NITS / _PAPER_WHITE_NITS)


def _hlg(signal: Floats) -> Floats:
    """ARIB STD-B67 on a display of 1000 nits, as a usual screen shows it."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * math.log(4 * a)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return _rolled_off(scene**_HLG_SYSTEM_GAMMA * _HLG_PEAK_NITS / _PAPER_WHITE_NITS)


def _rolled_off(light: Floats) -> Floats:
    """Light of which 1 is paper white, squeezed below 1: straight up to the shoulder, then ever flatter."""
    above = np.maximum(light - _SHOULDER, 0) / (1 - _SHOULDER)
    return np.minimum(light, _SHOULDER) + (1 - _SHOULDER) * (1 - np.exp(-above))


_BROADCAST = _toe(1 / 0.45, 0.099, 4.5, 0.081)
_SRGB = _toe(2.4, 0.055, 12.92, 0.04045)

# From the signal to the light of a display or a scene, both from 0 to 1.
TRANSFERS: Mapping[int, Callable[[Floats], Floats]] = {
    1: _BROADCAST,
    4: _power(2.2),
    5: _power(2.8),
    6: _BROADCAST,
    7: _toe(1 / 0.45, 0.1115, 4.0, 0.0913),
    8: _power(1.0),
    9: _log(2.0),
    10: _log(2.5),
    11: _BROADCAST,
    12: _BROADCAST,
    13: _SRGB,
    14: _BROADCAST,
    15: _BROADCAST,
    PQ: _pq,
    17: _power(2.6),
    HLG: _hlg,
}

_CURVE_POINTS = 1024
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@lru_cache(maxsize=32)
def coded_profile(points: CodePoints, grey: bool) -> bytes:
    """The profile of RGB or grey samples that are meant in these code points; the same bytes every time.

    >>> len(coded_profile(CodePoints(12, 13), grey=False)) < 3000
    True
    """
    signal = np.linspace(0, 1, _CURVE_POINTS)
    if not points.full_range:
        signal = np.clip((255 * signal - 16) / 219, 0, 1)
    name = f"Code points {points.primaries}/{points.transfer}"
    stated = b"cicp" + bytes(4) + bytes((points.primaries, points.transfer, 0, points.full_range))
    return _profile(name, PRIMARIES[points.primaries], TRANSFERS[points.transfer](signal), grey, {b"cicp": stated})


@lru_cache(maxsize=32)
def plain_profile(colours: Chromaticities, gamma: float | None, grey: bool) -> bytes:
    """The profile of samples with these chromaticities and a plain gamma; without one, with the curve of sRGB.

    Raises:
        ValueError: there are no such colours.
    """
    signal = np.linspace(0, 1, _CURVE_POINTS)
    light = _SRGB(signal) if gamma is None else signal**gamma
    return _profile("Stated chromaticities", colours, light, grey, {})


def stated_in(icc: bytes | None) -> CodePoints | None:
    """The code points for which this very profile was made by `coded_profile`; None for any other."""
    at = icc.find(b"cicp" + bytes(4)) if icc else -1
    if icc is None or at < 0 or len(icc) < at + 12:
        return None
    primaries, transfer, _, full_range = icc[at + 8 : at + 12]
    points = CodePoints(primaries, transfer, bool(full_range))
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        return None
    return points if icc in (coded_profile(points, False), coded_profile(points, True)) else None


def _profile(name: str, colours: Chromaticities, light: Floats, grey: bool, more: Mapping[bytes, bytes]) -> bytes:
    curve = b"curv" + struct.pack(">LL", 0, len(light)) + np.rint(light * 65535).astype(">u2").tobytes()
    columns, adaptation = _adapted(colours)
    tags = {
        b"desc": _text(name),
        b"cprt": _text("CC0"),
        b"wtpt": _numbers(b"XYZ ", _D50),
        b"chad": _numbers(b"sf32", adaptation),
        **more,
    }
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= {letter + b"XYZ": _numbers(b"XYZ ", columns[:, i]) for i, letter in enumerate((b"r", b"g", b"b"))}
        tags |= {letter + b"TRC": curve for letter in (b"r", b"g", b"b")}
    # Equal tags share their data.
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    data = b""
    for value in tags.values():
        if value not in places:
            places[value] = start + len(data)
            data += value + bytes(-len(value) % 4)
    table = b"".join(tag + struct.pack(">LL", places[value], len(value)) for tag, value in tags.items())
    space = b"GRAY" if grey else b"RGB "
    made = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(">L4xL", start + len(data), 0x04400000) + b"mntr" + space + b"XYZ " + made + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3l", *_fixed(_D50))
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + data


def _adapted(colours: Chromaticities) -> tuple[Floats, Floats]:
    """XYZ of red, green and blue as columns ``(3, 3)`` under D50, and what adapts them from their own white."""
    chromaticities = np.array(colours)
    if not (np.isfinite(chromaticities).all() and (np.abs(chromaticities) <= 2).all() and chromaticities[0, 1] > 0):
        raise ValueError("chromaticities out of range")
    xyz = np.column_stack([chromaticities, 1 - chromaticities.sum(axis=1)])
    white = xyz[0] / xyz[0, 1]
    try:
        columns = xyz[1:].T * np.linalg.solve(xyz[1:].T, white)
    except np.linalg.LinAlgError:
        raise ValueError("primaries on one line") from None
    cones = _BRADFORD @ white
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD
    adapted = adaptation @ columns
    if not (np.abs(adapted) < 100).all():
        raise ValueError("primaries nearly on one line")
    return adapted, adaptation


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">LLL2s2sLL", 0, 1, 12, b"en", b"US", len(data), 28) + data


def _numbers(kind: bytes, values: Floats) -> bytes:
    fixed = _fixed(values)
    return kind + bytes(4) + struct.pack(f">{len(fixed)}l", *fixed)


def _fixed(values: Floats) -> list[int]:
    return [round(value * 65536) for value in values.ravel().tolist()]
