"""Readers of published data sets: from the files as their authors released them to photos with boxes in pixels."""

from pathlib import Path

from cadrage.datasets.conversion.raw import Reading
from cadrage.datasets.readers.cpc import read_cpc
from cadrage.datasets.readers.fcdb import read_fcdb
from cadrage.datasets.readers.flms import read_flms
from cadrage.datasets.readers.gaicd import read_gaicd
from cadrage.errors import UsageError

READERS = {"gaicd": read_gaicd, "cpc": read_cpc, "fcdb": read_fcdb, "flms": read_flms}


def read_dataset(dataset: str, folder: Path) -> Reading:
    """The photos of the data set in ``folder``, to be read one by one.

    Raises:
        UsageError: there is no such data set, no such folder, or nothing in it that looks like this data set.
    """
    if dataset not in READERS:
        raise UsageError(f"{dataset}: no such data set; known are {', '.join(READERS)}")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the folder that holds the data set as it was published")
    return READERS[dataset](folder)


__all__ = ["READERS", "read_dataset"]
