"""Check the models of a folder and write the ``index.json`` that lists them.

    python -m cadrage.inference.store.build_index            write weights/index.json
    python -m cadrage.inference.store.build_index --check    only say whether it is up to date

A model is a folder ``name.tag/`` with a ``card.json`` and its parts. The first tag listed of a name is its default:
models already listed keep their place, new ones follow in alphabetical order; reorder by editing the file.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cadrage.errors import CadrageError, ModelError
from cadrage.inference.store.card import read_card
from cadrage.inference.store.index import CARD_FILE, INDEX_FILE, SCHEMA_VERSION, parse_index, parse_model

MAX_MODEL_BYTES = 32_000_000  # what a model in such a folder may weigh


def main(argv: list[str] | None = None) -> int:
    """Return 0 when the index is written or up to date, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Check the models of a folder and write their index.json.")
    parser.add_argument("--root", type=Path, default=Path("weights"), help="folder of the models (default: weights/)")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if index.json is not up to date")
    options = parser.parse_args(argv)
    path = options.root / INDEX_FILE
    try:
        content = render(options.root)
    except (CadrageError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if path.is_file() and path.read_bytes() == content:
        return 0
    if options.check:
        sys.stderr.write(f"{path} is not up to date; run python -m cadrage.inference.store.build_index\n")
        return 1
    path.write_bytes(content)
    return 0


def render(root: Path) -> bytes:
    """The ``index.json`` of the model folders under `root`; ModelError when one of them is not sound."""
    listed = _listed(root / INDEX_FILE)
    folders = [folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    folders.sort(key=lambda folder: (listed.get(folder.name, len(listed)), folder.name))
    models = [_entry(folder) for folder in folders]
    content = (json.dumps({"schema_version": SCHEMA_VERSION, "models": models}, indent=2) + "\n").encode()
    parse_index(content, str(root / INDEX_FILE))  # what is published must be readable
    return content


def _listed(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    return {model.full_name: place for place, model in enumerate(parse_index(path.read_bytes(), str(path)).models)}


def _entry(folder: Path) -> dict[str, Any]:
    card = read_card(folder)
    if folder.name != f"{card.name}.{card.tag}":
        raise ModelError(f"{folder}: its card calls it {card.name}.{card.tag}; folder and card must agree")
    for part in card.parts:
        card.read_part(part)
    files = sorted(folder.iterdir())
    odd = [file.name for file in files if file.is_symlink() or not file.is_file()]
    if odd:
        raise ModelError(f"{folder}: {', '.join(odd)} is no regular file; a model holds nothing else")
    size_bytes = sum(file.stat().st_size for file in files)
    if size_bytes > MAX_MODEL_BYTES:
        raise ModelError(f"{folder}: {size_bytes} bytes, at most {MAX_MODEL_BYTES} are allowed here")
    entry = {
        "name": card.name,
        "tag": card.tag,
        "summary": json.loads((folder / CARD_FILE).read_bytes()).get("summary", ""),
        "card": f"{folder.name}/{CARD_FILE}",
        "files": [_file(file) for file in files],
    }
    parse_model(entry, str(folder))
    return entry


def _file(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    path = f"{file.parent.name}/{file.name}"
    return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


if __name__ == "__main__":
    sys.exit(main())
