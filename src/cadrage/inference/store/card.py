"""The card of a model: what it is, which files it has and how its proposals are to be read."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from cadrage.errors import ModelError
from cadrage.inference.store.onnx_format import refusal
from cadrage.inference.store.regular import LARGEST_TEXT, read_regular
from cadrage.inference.store.strict_json import parse_json, shown

if TYPE_CHECKING:
    from cadrage.inference.store.card_input import ModelInput

PART_NAMES = ("trunk", "proposer", "evaluator", "importance")
# A model without an evaluator proposes crops but scores no given box; one without a proposer does the opposite. Either
# is enough to crop with.
_CROPPING_PARTS = ("proposer", "evaluator")

# Boxes scored in one go. An evaluator with 40 kB per box and view holds 160 MB then.
_CHUNK, _LARGEST_CHUNK = 2048, 65536

# What the numbers beside the proposals are: logits of one distribution over all of them, which people's choice is
# drawn from, or the logarithm of a probability of its own for each, its validity.
ProposalKind = Literal["distribution", "validity"]

# Which boxes of any shape a model without a proposer chooses from: first the grid anchors it was trained on, or all
# of a lattice that also holds small boxes and the whole photo.
CandidateKind = Literal["grid", "lattice"]

_LONGEST_TEXT = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Mean and standard deviation of the ratings that an evaluator was trained on; its scores count in deviations."""

    mean: float
    deviation: float

    def rating(self, score: float) -> float:
        """The score in the unit of the ratings, which for GAICD is the mean opinion of people from 1 to 5."""
        return self.mean + self.deviation * score


@dataclass(frozen=True, slots=True)
class Card:
    """A read and checked ``card.json``.

    ``parts`` maps the model's parts, those of ``PART_NAMES`` in that order, to file name and sha256; it lacks those
    that the model has not. ``proposals`` says what the proposer's numbers mean; cards that do not say it are of the
    first kind, and without a proposer it is None. ``score_scale`` is None where scores only rank. With ``persons``,
    evaluator and importance take the box of the main person. ``chunk`` is how many boxes are scored in one go.
    """

    folder: Path
    name: str
    tag: str
    version: str
    input: "ModelInput"
    parts: Mapping[str, tuple[str, str]]
    selection: Mapping[str, Any]
    proposals: ProposalKind | None = "distribution"
    score_scale: ScoreScale | None = None
    candidates: CandidateKind = "grid"
    persons: bool = False
    chunk: int = _CHUNK

    @property
    def weights_sha256(self) -> str:
        """One hash for all parts: sha256 of their hex digests, one per line, in the order of ``parts``."""
        return hashlib.sha256("\n".join(sha256 for _, sha256 in self.parts.values()).encode()).hexdigest()

    def read_part(self, part: str, *, checked: bool = True) -> bytes:
        """The bytes of one ONNX file, compared with the card's checksum first.

        Raises:
            ModelError: the file is missing, differs from the card, is no ONNX file, keeps data outside itself or has
                parts that it repeats.
        """
        file_name, sha256 = self.parts[part]
        path = self.folder / file_name
        try:
            data = read_regular(path)
        except OSError as error:
            raise ModelError(
                f"{path}: cannot read the model's {part} ({error.strerror}); fetch the model again"
            ) from None
        if checked:
            actual = hashlib.sha256(data).hexdigest()
            if actual != sha256:
                raise ModelError(
                    f"{path}: damaged or altered, expected sha256 {sha256[:12]}..., got {actual[:12]}...; "
                    "fetch the model again"
                )
        # The checksum covers this file only, and a path written inside it could point anywhere on the disk.
        try:
            refused = refusal(data)
        except ValueError as error:
            raise ModelError(f"{path}: not a usable ONNX file ({error}); fetch or export the model again") from None
        if refused is not None:
            raise ModelError(f"{path}: {refused}")
        return data


def read_card(folder: Path) -> Card:
    """Read ``card.json`` of a model folder.

    Raises:
        ModelError: there is no card, it is not JSON, a field is missing or of the wrong kind, or a file name leaves the
            folder.
    """
    path = folder / "card.json"
    try:
        raw = parse_json(read_regular(path, LARGEST_TEXT))
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model card ({error.strerror}); is this a model folder?") from None
    except ValueError as error:
        raise ModelError(f"{path}: the model card is not valid JSON ({error}); fetch the model again") from None
    _field(path, raw, "input", "side")
    # It loads NumPy, which a help text does without.
    from cadrage.inference.store.card_input import read_input

    described = read_input(path, raw["input"])
    named = _field(path, raw, "parts")
    if not isinstance(named, dict):
        raise ModelError(f"{path}: expected parts to be an object, got {shown(named)}")
    selection = raw.get("selection", {})
    if not isinstance(selection, dict):
        raise ModelError(f"{path}: expected selection to be an object of numbers, got {shown(selection)}")
    proposals = raw.get("proposals", "distribution")
    if proposals not in get_args(ProposalKind):
        raise ModelError(f"{path}: expected proposals to be distribution or validity, got {shown(proposals)}")
    candidates = raw.get("candidates", "grid")
    if candidates not in get_args(CandidateKind):
        raise ModelError(f"{path}: expected candidates to be grid or lattice, got {shown(candidates)}")
    persons, chunk = raw.get("persons", False), raw.get("chunk", _CHUNK)
    if not isinstance(persons, bool):
        raise ModelError(f"{path}: expected persons to be true or false, got {shown(persons)}")
    if not isinstance(chunk, int) or isinstance(chunk, bool) or not 1 <= chunk <= _LARGEST_CHUNK:
        raise ModelError(f"{path}: expected chunk to be a whole number from 1 to {_LARGEST_CHUNK}, got {shown(chunk)}")
    if not any(part in named for part in _CROPPING_PARTS):
        raise ModelError(f"{path}: the model card lacks parts.proposer; fetch the model again")
    return Card(
        folder=folder,
        name=_text(path, raw, "name"),
        tag=_text(path, raw, "tag"),
        version=_text(path, raw, "version"),
        input=described,
        parts={part: _part(path, raw, part) for part in PART_NAMES if part in named or part == "trunk"},
        selection=selection,
        proposals=cast(ProposalKind, proposals) if "proposer" in named else None,
        score_scale=_score_scale(path, raw),
        candidates=cast(CandidateKind, candidates),
        persons=persons,
        chunk=chunk,
    )


def _score_scale(path: Path, raw: Mapping[str, Any]) -> ScoreScale | None:
    if "score_scale" not in raw:
        return None
    mean, deviation = (_field(path, raw, "score_scale", name) for name in ("mean", "deviation"))
    for value in (mean, deviation):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ModelError(f"{path}: expected score_scale to hold finite numbers, got {shown(value)}")
    if deviation <= 0:
        raise ModelError(f"{path}: expected score_scale.deviation above 0, got {shown(deviation)}")
    return ScoreScale(float(mean), float(deviation))


def _field(path: Path, raw: Any, *keys: str) -> Any:
    value = raw
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise ModelError(f"{path}: the model card lacks {'.'.join(keys)}; fetch the model again")
        value = value[key]
    return value


def _text(path: Path, raw: Any, *keys: str) -> str:
    value = _field(path, raw, *keys)
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_TEXT or not value.isprintable():
        wanted = f"a non-empty text of at most {_LONGEST_TEXT} printable characters"
        raise ModelError(f"{path}: expected {'.'.join(keys)} to be {wanted}, got {shown(value)}")
    return value


def _part(path: Path, raw: Any, part: str) -> tuple[str, str]:
    file_name = _text(path, raw, "parts", part, "file")
    if file_name in (".", "..") or not re.fullmatch(r"[\w.+-]+", file_name):
        raise ModelError(f"{path}: expected parts.{part}.file to be a plain file name, got {shown(file_name)}")
    sha256 = _text(path, raw, "parts", part, "sha256")
    if not _SHA256.fullmatch(sha256):
        raise ModelError(f"{path}: expected parts.{part}.sha256 to be 64 hexadecimal digits, got {shown(sha256)}")
    return file_name, sha256
