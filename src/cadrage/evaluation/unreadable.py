"""Which errors are about one photo alone, so that the others can still be measured."""

from cadrage.errors import CadrageError, PhotoError


def of_photo(error: CadrageError) -> bool:
    """Whether the photo cannot be read, or the detector of persons cannot look at it.

    Detectors raise a bare `CadrageError` for a photo; every other kind of error is about the model or the question.
    """
    return isinstance(error, PhotoError) or type(error) is CadrageError
