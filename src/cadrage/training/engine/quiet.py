"""What the framework says of itself, kept away from the user: adverts, advice, notes to its developers."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Hardware that is not there, adverts and "stopped as asked" are told at INFO; torchvision, of which no model here needs
# anything, at WARNING.
_LOGGERS = {
    "lightning.pytorch": logging.WARNING,
    "lightning.fabric": logging.WARNING,
    "torch.onnx._internal.exporter._registration": logging.ERROR,
}

_REMARKS = (
    "Checkpoint directory .* exists and is not empty",  # the record of the run is in it
    "The number of training batches .* is smaller than the logging interval",
    "This DataLoader will create .* worker processes",  # the recipe's number, which a larger machine may like
    r"Found \d+ module\(s\) in eval mode",  # frozen on purpose
    "It is recommended to use .*sync_dist=True",  # what is logged is gathered already
    "The '.*_dataloader' does not have many workers",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
)


@contextmanager
def framework_quiet() -> Iterator[None]:
    """Leave out the remarks that are listed here, and no others, while the block runs."""
    before = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name, level in _LOGGERS.items():
        logging.getLogger(name).setLevel(max(level, before[name]))
    try:
        with warnings.catch_warnings():
            for remark in _REMARKS:
                warnings.filterwarnings("ignore", message=remark)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
