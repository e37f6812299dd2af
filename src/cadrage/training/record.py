"""The record of a run: what was trained on what, so that it can be repeated and resumed by nothing else."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import cadrage
from cadrage.datasets.manifest import manifest_sha256
from cadrage.errors import UsageError

CHECKPOINT = "last.ckpt"
WEIGHTS = "model.safetensors"
RECORD = "run.json"


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


def prepare_folder(out: Path, record: Mapping[str, Any], *, resume: bool) -> Path | None:
    """Make the folder of a run and write its record; the checkpoint to go on from when resuming.

    Raises:
        UsageError: the folder holds another run, there is nothing to resume, or recipe or data have changed since.
    """
    checkpoint = out / CHECKPOINT
    # Values come back from the file as JSON knows them, lists for tuples for example.
    fresh = json.loads(json.dumps(record))
    if resume:
        if not checkpoint.is_file():
            raise UsageError(f"{out}: no {CHECKPOINT} to resume from; leave out --resume to start")
        begun = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if begun["recipe"] != fresh["recipe"]:
            raise UsageError(
                f"{out}: was begun with another recipe; resume with the same one and the same --set options"
            )
        for folder, sha256 in fresh["manifests_sha256"].items():
            if begun["manifests_sha256"].get(folder) != sha256:
                raise UsageError(f"{folder}: the data have changed since {out} was begun; start a new run")
        return checkpoint
    if (out / RECORD).exists():
        raise UsageError(f"{out}: holds a run already; add --resume to continue it or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return None


def _commit() -> str:
    """Revision of the source tree, empty outside of one or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
