"""Photos: opened by content and within limits, decoded no further than needed, upright; crops written all at once."""

from cadrage.photo.decode import Decoded
from cadrage.photo.encode import OUTPUT_FORMATS
from cadrage.photo.header import DEFAULT_MAX_PIXELS
from cadrage.photo.photo import Photo, open_photo, photo_from_image
from cadrage.photo.save import CropOptions, encode_crop, save_crop

__all__ = [
    "CropOptions",
    "DEFAULT_MAX_PIXELS",
    "Decoded",
    "OUTPUT_FORMATS",
    "Photo",
    "encode_crop",
    "open_photo",
    "photo_from_image",
    "save_crop",
]
