"""Photos: opened by content and within limits, decoded no further than needed, upright; crops written all at once."""

from cadrage.photo.decode import Decoded
from cadrage.photo.encode import OUTPUT_FORMATS
from cadrage.photo.header import DEFAULT_MAX_PIXELS
from cadrage.photo.notes import Note
from cadrage.photo.photo import Photo, open_photo, photo_from_image
from cadrage.photo.save import CropOptions, encode_crop, losses, save_crop

__all__ = [
    "CropOptions",
    "DEFAULT_MAX_PIXELS",
    "Decoded",
    "Note",
    "OUTPUT_FORMATS",
    "Photo",
    "encode_crop",
    "losses",
    "open_photo",
    "photo_from_image",
    "save_crop",
]
