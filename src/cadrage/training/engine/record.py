"""The record of a run: what was trained on what, so that it can be repeated and resumed by nothing else."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

import cadrage
from cadrage.datasets.manifest import manifest_sha256
from cadrage.errors import UsageError

CHECKPOINT = "last.ckpt"
WEIGHTS = "model.safetensors"
RECORD = "run.json"
BEST = "best.json"


def describe_run(recipe: Mapping[str, Any], data: Path, folders: list[str], **counts: int) -> dict[str, Any]:
    """What is saved beside the weights: recipe, versions, revision and the identity of the data."""
    return {
        "recipe": dict(recipe),
        "cadrage": cadrage.__version__,
        "torch": torch.__version__,
        "commit": _commit(),
        "manifests_sha256": {folder: manifest_sha256(data / folder) for folder in folders},
        **counts,
    }


def begin_folder(out: Path, record: Mapping[str, Any], *, write: bool = True) -> None:
    """Make the folder of a run and write its record.

    Args:
        out: the folder.
        record: what `describe_run` says of the run that is about to start.
        write: false for the further processes of a run, whose first one writes.

    Raises:
        UsageError: the folder holds another run.
    """
    if not write:
        return
    if (out / RECORD).exists():
        raise UsageError(f"{out}: holds a run already; add --resume to continue it or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    with replaced(out / RECORD) as file:
        file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def resume_folder(out: Path, record: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Path | None:
    """The checkpoint from which the run of a folder goes on, if there is one yet.

    Args:
        out: the folder.
        record: what `describe_run` says of the run that is to go on.
        defaults: values of the recipe's fields that a run of an earlier version does not name.

    Raises:
        UsageError: there is nothing to resume, or recipe, data or the weights to start from have changed since.
    """
    # Values come back from the file as JSON knows them, lists for tuples for example.
    fresh, known = json.loads(json.dumps([record, defaults or {}]))
    _check_same(out, _begun(out), fresh, known)
    checkpoint = out / CHECKPOINT
    return checkpoint if checkpoint.is_file() else None


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``file`` once everything is written, so that no half file is ever seen."""
    part = file.with_name(file.name + ".part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def write_weights(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file with the same read permission as the other files of the folder."""
    content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    # Not save_file, whose files belong to their writer alone, whatever the umask says.
    with replaced(file) as part:
        part.write_bytes(content)


def _begun(out: Path) -> dict[str, Any]:
    try:
        begun: dict[str, Any] = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{out}: no {CHECKPOINT} to resume from; leave out --resume to start") from error
    except ValueError as error:
        raise UsageError(f"{out / RECORD}: not the record of a run ({error}); start a new run") from error
    return begun


def _check_same(out: Path, begun: Mapping[str, Any], fresh: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    # A run of an earlier version has done without the fields that came later, or as their defaults say.
    ours, theirs = fresh["recipe"], {**defaults, **begun["recipe"]}
    changed = sorted(key for key in ours.keys() | theirs.keys() if (ours.get(key) or None) != (theirs.get(key) or None))
    if changed:
        raise UsageError(
            f"{out}: was begun with another recipe, which differs in {', '.join(changed)}; "
            "resume with the same one and the same --set options"
        )
    for folder, sha256 in fresh["manifests_sha256"].items():
        if begun["manifests_sha256"].get(folder) != sha256:
            raise UsageError(f"{folder}: the data have changed since {out} was begun; start a new run")
    # Runs from before splits and weights were recorded have no such entries.
    for role, sha256 in begun.get("photos_sha256", {}).items():
        if fresh["photos_sha256"][role] != sha256:
            raise UsageError(f"{role}: the splits name other photos than when {out} was begun; start a new run")
    for field, said in begun.get("started_from", {}).items():
        now = fresh.get("started_from", {}).get(field, said)
        if now["sha256"] != said["sha256"]:
            raise UsageError(f"{field}: {said['file']} has changed since {out} was begun; start a new run")


def _commit() -> str:
    """Revision of the source tree, empty outside of one or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
