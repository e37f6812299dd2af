"""The doors of the room: train as a recipe says, load what a run has trained, and export it to the product."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import cadrage
from cadrage.errors import UsageError
from cadrage.models.checkpoints import read_checkpoint
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
from cadrage.training.engine.export import CARD, RUN_FILES, Part, whole_folder, write_parts
from cadrage.training.engine.loop import train
from cadrage.training.engine.recipes import KIND, R, Recipe, expect_choice, kind_of, make_recipe, with_overrides
from cadrage.training.engine.record import RECORD, WEIGHTS, write_weights
from cadrage.training.engine.start import sha256_of
from cadrage.training.engine.system import System, Trained
from cadrage.training.systems import SYSTEMS, system_of

IMPORTED = "imported"
"""In the record of a run that was trained elsewhere, what its weights come from."""

_FOREIGN_LICENCE = "not known: that of the weights, which were trained elsewhere"
# What of a file's name may be in the name of a model.
_TAG = re.compile(r"[A-Za-z0-9._-]+")


def train_from_recipe(
    recipe_file: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    overrides: Mapping[str, str] | None = None,
    devices: int = 1,
) -> None:
    """Train as ``recipe_file`` says on the manifests under ``data`` and keep everything in ``out``.

    ``out`` then holds ``model.safetensors`` (the weights to use), ``last.ckpt`` (written after every epoch and within
    long ones, to resume), ``run.json``, the TensorBoard log and, if the recipe keeps the best epoch, ``best.json``.

    Args:
        recipe_file: a TOML file.
        data: folder with the data sets and weights that the recipe names.
        out: folder of the run.
        resume: go on with the run that ``out`` holds.
        overrides: values of single fields, as typed on a command line.
        devices: that share each batch of the recipe, so that their number is no part of what is trained.

    Raises:
        UsageError: the recipe, the data or the weights to start from are unusable, ``out`` holds another run, there is
            nothing to resume, or the devices cannot share a batch.
        ModelError: a model that the recipe asks does not exist or cannot be loaded.
        KeyboardInterrupt: the run was interrupted; ``out`` holds what is needed to resume it.
    """
    recipe: Recipe = read_recipe(recipe_file, overrides)
    train(system_of(recipe.kind, recipe_file), recipe, data, out, resume=resume, devices=devices)


def read_recipe(file: Path, overrides: Mapping[str, str] | None = None, *, of: type[R] = Recipe) -> R:  # type: ignore[assignment]
    """The recipe of a file with single fields replaced by ``overrides``, as typed on a command line.

    Args:
        file: a TOML file.
        overrides: texts by field.
        of: which kind of recipe is expected; any by default.

    Raises:
        UsageError: the file is missing, not TOML or of another kind of model, or a value is unknown or does not fit.
    """
    kind = kind_of(file)
    recipe = make_recipe(system_of(kind, file).recipe, file, overrides)
    if not isinstance(recipe, of):
        raise UsageError(f"{file}: trains the model {kind!r}; expected {_kinds(of)}")
    recipe.check(file)
    return recipe


def load_trained(run: Path, device: torch.device | None = None, *, of: type[R] = Recipe) -> Trained[R]:  # type: ignore[assignment]
    """What a finished run has trained, ready to be asked, on the CPU unless another device is given.

    Args:
        run: folder of `train_from_recipe`.
        device: where the model is to be.
        of: which kind of recipe is expected; any by default.

    Raises:
        UsageError: there is no finished run, or it is of another kind of model.
    """
    if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
        raise UsageError(f"{run}: no finished run here; finish it with cadrage train --resume")
    try:
        record: dict[str, Any] = json.loads((run / RECORD).read_text(encoding="utf-8"))
        kind = record["recipe"].get(KIND, "default")
        system = system_of(kind, run / RECORD)
        if not issubclass(system.recipe, of):
            raise UsageError(f"{run}: not a run of {_kinds(of)} but of {kind!r}")
        recipe = system.recipe.from_dict(record["recipe"])
    except UsageError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{run / RECORD}: not the record of a run ({error}); train again") from error
    model = system.load(recipe, load_file(run / WEIGHTS)).to(device or torch.device("cpu")).eval()
    return Trained(system, recipe, model, record, run)


def export_run(run: Path, out: Path, *, notes: Mapping[str, Any] | None = None) -> None:
    """Export a finished run to ``out``: the ONNX parts and ``card.json``, all of them or none.

    Args:
        run: folder of `train_from_recipe`.
        out: folder to write; an earlier export in it is replaced.
        notes: more fields of the card (metrics, intended use, selection settings); they replace fields of the same
            name.

    Raises:
        UsageError: ``run`` holds no finished run or one that the product cannot use, or ``out`` something else than an
            export.
        OutputError: ``out`` cannot be written.
    """
    trained: Trained[Recipe] = load_trained(run)
    said = {"licence": _FOREIGN_LICENCE} if IMPORTED in trained.record else {}
    parts = trained.system.parts(trained)
    with whole_folder(out) as folder:
        _write_model(trained, parts, folder, said | dict(notes or {}))


def _write_model(trained: Trained[R], parts: list[Part], folder: Path, notes: Mapping[str, Any]) -> None:
    card = {
        "schema_version": 1,
        "name": trained.recipe.name,
        "tag": trained.recipe.tag,
        "version": cadrage.__version__,
        "licence": "Apache-2.0",
        **trained.system.card(trained, write_parts(parts, folder)),
        "training": trained.record,
    }
    (folder / CARD).write_text(json.dumps(card | dict(notes), indent=2) + "\n", encoding="utf-8")


def import_weights(kind: str, file: Path, out: Path, *, overrides: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Make a model folder of weights that the authors of a system, or whoever ran their code, have trained.

    It is a finished run as well, which `load_trained` and `export_run` take.

    Args:
        kind: the system, as recipe files call it.
        file: a PyTorch checkpoint or a safetensors file with the names of their code; no code of it is run.
        out: folder to write, all of it or nothing; an earlier import in it is replaced.
        overrides: values of the recipe's fields, as typed on a command line, in place of what the file tells.

    Returns:
        What was recognised, in words.

    Raises:
        UsageError: the system has no released code, the file is unusable or of another network, or ``out`` holds
            something else.
        OutputError: ``out`` cannot be written.
    """
    known = [each for each in SYSTEMS if system_of(each, file).released is not None]
    expect_choice(kind, known, "no released code of")
    system: System[Any] = system_of(kind, file)
    assert system.released is not None
    checkpoint = read_checkpoint(file)
    broken = [name for name, tensor in checkpoint.tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise UsageError(f"{file}: {broken[0]} holds numbers that are not finite; take the weights of another epoch")
    released = system.released(checkpoint, file)
    recipe = _recipe_of(system.recipe, released.settings, file, overrides or {})
    try:
        model = system.load(recipe, released.tensors).eval()
    except RuntimeError as error:
        raise UsageError(
            f"{file}: recognised as {released.recognised[0]}, but layers are missing, unknown or of another size; is "
            "the file whole, and does a --set change the network?"
        ) from error
    imported = {"file": file.name, "sha256": sha256_of(file), "recognised": list(released.recognised)}
    record = {"recipe": recipe.to_dict(), "cadrage": cadrage.__version__, IMPORTED: imported}
    if isinstance(recipe, EvaluatorRecipe):
        record["score_scale"] = {"mean": recipe.score_mean, "deviation": recipe.score_deviation}
    trained = Trained(system, recipe, model, record, out)
    notes = {"licence": _FOREIGN_LICENCE, RUN_FILES: [RECORD, WEIGHTS]}
    parts = system.parts(trained)
    with whole_folder(out) as folder:
        write_weights(folder / WEIGHTS, model.state_dict())
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        _write_model(trained, parts, folder, notes)
    return released.recognised


def _recipe_of(kind: type[R], settings: Mapping[str, Any], file: Path, overrides: Mapping[str, str]) -> R:
    """The recipe that weights were trained by, as far as it is known; the photos are not."""
    tag = "".join(_TAG.findall(file.stem)) or "imported"
    unknown = {"train": (), "validate": (), "backbone_weights": "", "tag": tag}
    recipe = with_overrides(kind.from_dict({**unknown, **settings}), Path("--set"), overrides)
    recipe.check(file)
    return recipe


def _kinds(of: type[Recipe]) -> str:
    """The kinds of model whose recipes are of a class, in words."""
    kinds = [kind for kind in SYSTEMS if issubclass(system_of(kind, Path()).recipe, of)]
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]] if kinds[1:] else kinds)
