"""What is compared: each function prepares one tool and returns a call that goes from a JPEG on disk to its answer.

Run as a script (``contenders.py NAME PHOTO MODEL THREADS``) it makes one such call, so that a fresh process can be
watched for its peak memory.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Every tool imports what it needs itself: the peak memory of one must not contain the libraries of the others.

Call = Callable[[], object]

# The side of smartcrop.py's own example, and the side of our model for the thumbnail, which suits libvips best: the
# smaller the thumbnail, the less of the JPEG it has to decode.
SMARTCROP_SIDE = 100
THUMBNAIL_SIDE = 224


def cadrage(photo: Path, model: str, threads: int | None) -> Call:
    """``Cropper.suggest`` with one cropper for all photos: five free crops, the answer as an object."""
    from cadrage import Cropper

    cropper = Cropper(model, threads=threads, offline=True)
    return lambda: cropper.suggest(photo, "free", 5)


def floor(photo: Path, model: str, threads: int | None) -> Call:
    """Bare decode at reduced scale and bare trunk and proposer on two views: the photo and its mirror image.

    Two views are the product's model run. ONNX Runtime keeps its own defaults, busy waiting included.
    """
    return _bare(photo, model, threads, views=2)


def floor_one_view(photo: Path, model: str, threads: int | None) -> Call:
    """The floor with a batch of one, which is less than the product computes."""
    return _bare(photo, model, threads, views=1)


def floor_not_spinning(photo: Path, model: str, threads: int | None) -> Call:
    """The floor with worker threads that sleep between two operations, as in the product."""
    return _bare(photo, model, threads, views=2, spinning=False)


def floor_decode(photo: Path, model: str, threads: int | None) -> Call:
    """The decoding part of the floor."""
    side = _load(model, threads).card.input.side
    return lambda: _bare_decode(photo, side)


def smartcrop(photo: Path, model: str, threads: int | None) -> Call:
    """smartcrop.py as its README uses it: the photo opened at full size, one square crop."""
    from PIL import Image
    from smartcrop import SmartCrop

    def call() -> object:
        with Image.open(photo) as image:
            return SmartCrop().crop(image, SMARTCROP_SIDE, SMARTCROP_SIDE)

    return call


def libvips(photo: Path, model: str, threads: int | None) -> Call:
    """A square ``attention`` thumbnail through pyvips, pixels in memory; libvips chooses its threads itself."""
    import pyvips

    # Otherwise the second call would be answered from the cache of operations.
    pyvips.cache_set_max(0)
    return lambda: pyvips.Image.thumbnail(
        str(photo), THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, crop="attention"
    ).write_to_memory()


# The order in which the table lists them.
CONTENDERS: dict[str, Callable[[Path, str, int | None], Call]] = {
    "cadrage": cadrage,
    "floor": floor,
    "floor_one_view": floor_one_view,
    "floor_not_spinning": floor_not_spinning,
    "floor_decode": floor_decode,
    "smartcrop": smartcrop,
    "libvips": libvips,
}


def _load(model: str, threads: int | None) -> Any:
    from cadrage.inference.session import load_model
    from cadrage.inference.store.registry import resolve

    return load_model(resolve(model, offline=True), threads=threads)


def _bare_decode(photo: Path, side: int) -> tuple[Any, tuple[int, int]]:
    from PIL import Image

    with Image.open(photo) as image:
        size_wh = image.size
        image.draft("RGB", (side, side))
        image.load()
        return image.resize((side, side), Image.Resampling.BILINEAR), size_wh


def _bare(photo: Path, model: str, threads: int | None, views: int, spinning: bool = True) -> Call:
    import numpy as np

    from cadrage.inference.runtime import onnxruntime

    card = _load(model, threads).card
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    trunk, proposer = (
        onnxruntime.InferenceSession(card.folder / card.parts[part][0], options, ["CPUExecutionProvider"])
        for part in ("trunk", "proposer")
    )

    def call() -> object:
        small, (width, height) = _bare_decode(photo, card.input.side)
        image = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        batch = np.concatenate([image, image[..., ::-1]]) if views == 2 else np.ascontiguousarray(image)
        (features,) = trunk.run(["features"], {"image": batch})
        log_aspect = np.full(views, math.log(width / height), np.float32)
        return proposer.run(["boxes", "validity_logits"], {"features": features, "log_aspect": log_aspect})

    return call


if __name__ == "__main__":
    name, photo, model, threads = sys.argv[1:]
    CONTENDERS[name](Path(photo), model, None if threads == "None" else int(threads))()
