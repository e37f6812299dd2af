"""Which errors are about one photo alone, so that the others can still be measured."""

from cadrage.errors import CadrageError, DetectionError, PhotoError


def of_photo(error: CadrageError) -> bool:
    """Whether the photo cannot be read, or the detector of persons cannot look at it."""
    return isinstance(error, PhotoError | DetectionError)
