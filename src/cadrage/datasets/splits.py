"""Which photos may be fitted and which are held out for choices."""

from collections.abc import Sequence

from cadrage.datasets.manifest import PhotoRecord


def split_by_photo_id(records: Sequence[PhotoRecord], modulo: int = 7) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    """FCDB: ``dev`` holds the photos whose Flickr id is divisible by ``modulo``, ``fit`` the rest."""
    fit = [record for record in records if int(record.source["flickr_photo_id"]) % modulo]
    dev = [record for record in records if int(record.source["flickr_photo_id"]) % modulo == 0]
    return fit, dev


def split_every_nth(records: Sequence[PhotoRecord], nth: int = 5) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    """FLMS: ``dev`` holds every ``nth`` photo in file order starting with the first, ``fit`` the rest."""
    fit = [record for index, record in enumerate(records) if index % nth]
    dev = [record for index, record in enumerate(records) if index % nth == 0]
    return fit, dev
