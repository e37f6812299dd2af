"""The one model that travels inside the package, so that everything works at once and without a network."""

from pathlib import Path

from cadrage.errors import ModelError
from cadrage.inference.store.card import read_card
from cadrage.inference.store.index import CARD_FILE

DEFAULT = "default"
FOLDER = Path(__file__).parents[1] / "weights" / DEFAULT


def folder() -> Path:
    """Folder of the packaged model; ModelError when the installation lacks it."""
    if not (FOLDER / CARD_FILE).is_file():
        raise ModelError(f"the packaged model is missing at {FOLDER}; install cadrage again")
    return FOLDER


def names() -> tuple[str, ...]:
    """Everything the packaged model answers to: its ``name.tag`` first if its card can be read, always ``default``."""
    try:
        card = read_card(folder())
    except ModelError:
        return (DEFAULT,)  # a broken installation must not take the other models away
    return tuple(dict.fromkeys((f"{card.name}.{card.tag}", DEFAULT, card.name)))
