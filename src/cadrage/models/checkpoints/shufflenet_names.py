"""ShuffleNetV2 1.0 weights of torchvision; timm has none."""

from pathlib import Path

from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.tables import rename

_BLOCKS = (4, 8, 4)
# Places of the convolutions in both branches; the norm of each follows it.
_ASIDE = {0: "depthwise", 2: "project"}
_MAIN = {0: "expand", 3: "depthwise", 5: "project"}


def block_modules(theirs: str, ours: str, *, aside: str, main: str, begins: bool) -> dict[str, str]:
    """The modules of one block, whose branches they call ``aside`` and ``main``."""
    branches = [(main, "main", _MAIN)] + ([(aside, "aside", _ASIDE)] if begins else [])
    return {
        f"{theirs}.{branch}.{place + offset}": f"{ours}.{name}.{step}.{part}"
        for branch, name, steps in branches
        for place, step in steps.items()
        for offset, part in enumerate(("conv", "norm"))
    }


MODULES = {"conv1.0": "stem.conv", "conv1.1": "stem.norm"}
for _stage, _count in enumerate(_BLOCKS):
    for _index in range(_count):
        MODULES |= block_modules(
            f"stage{_stage + 2}.{_index}",
            f"stages.{_stage}.{_index}",
            aside="branch1",
            main="branch2",
            begins=_index == 0,
        )
LEFT_OUT = ("conv5.", "fc.")


def load_shufflenet_v2(backbone: ShuffleNetV2, file: Path) -> None:
    """Fill the backbone with ImageNet weights; norms that learn start from the published statistics.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    counters = tuple(name for name in backbone.state_dict() if name.endswith(".num_batches_tracked"))
    fill(backbone, rename(read_tensors(file), MODULES, LEFT_OUT), file, fresh=counters)
