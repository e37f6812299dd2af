"""The kinds of model that can be trained, one file or folder each; none knows another."""

from importlib import import_module
from pathlib import Path
from typing import Any

from cadrage.training.engine.recipes import expect_choice
from cadrage.training.engine.system import System

SYSTEMS = {
    "default": "default",
    "set-prediction": "set_prediction.system",
    "grid-anchor": "grid_anchor",
    "human-centric": "human_centric",
    "global-attention": "global_attention",
    "subjects": "subjects.system",
}
"""Where each is described, by what recipe files call it."""


def system_of(kind: str, file: Path) -> System[Any]:
    """The system of a kind of model, which ``file`` names; only its own modules are loaded.

    Raises:
        UsageError: there is none.
    """
    expect_choice(kind, SYSTEMS, f"{file}: no model")
    system: System[Any] = import_module(f"{__name__}.{SYSTEMS[kind]}").SYSTEM
    return system
