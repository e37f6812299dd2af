"""Small pictures of every kind that is read, made here: what the fuzzer mutates."""

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="Ann" '
    b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Lyon"/></rdf:RDF></x:xmpmeta>'
)


def _scene(mode: str = "RGB", size_wh: tuple[int, int] = (97, 71)) -> Image.Image:
    width, height = size_wh
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    image = Image.fromarray(ramp)
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((width // 3, height // 4, width // 2, height // 2), fill=(230, 40, 60))
    drawing.rectangle((width // 2, height // 2, width - 9, height - 7), fill=(20, 60, 200))
    if mode in ("RGBA", "LA"):
        alpha = Image.new("L", size_wh, 0)
        ImageDraw.Draw(alpha).ellipse((10, 10, width - 20, height - 5), fill=255)
        image.putalpha(alpha)
    return image.convert(mode)


def _exif(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = orientation, "Maker", "2026:01:02 03:04:05"
    exif.get_ifd(0x8769).update({0x9286: b"ASCII\0\0\0remark", 0xA002: 97, 0x927C: b"maker note " * 9})
    exif.get_ifd(0x8825).update({1: "N", 2: (45.0, 46.0, 1.0)})
    return exif.tobytes()


def _saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    content = io.BytesIO()
    _scene(mode).save(content, kind, **options)
    return content.getvalue()


def _frames(kind: str, **options: object) -> bytes:
    first, *others = [_scene().rotate(angle) for angle in (0, 20, 40)]
    content = io.BytesIO()
    first.save(content, kind, save_all=True, append_images=others, **options)
    return content.getvalue()


def _png_text() -> PngInfo:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    text.add_text("Comment", "words " * 20, zip=True)
    text.add(b"cICP", bytes([12, 13, 0, 1]))
    return text


def _deep_grey() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(60 * 40, dtype=np.uint16).reshape(40, 60) * 20).save(content, "PNG")
    return content.getvalue()


def _deep_tiff(bits: tuple[int, ...], planar: int, photometric: int) -> bytes:
    """An uncompressed TIFF of 16-bit samples; ``planar`` 2 keeps every channel by itself."""
    height, width, channels = 20, 30, len(bits)
    samples = np.arange(height * width * channels, dtype="<u2").reshape(height, width, channels) * 30
    planes = [samples.transpose(2, 0, 1)[channel] for channel in range(channels)] if planar == 2 else [samples]
    tags = ImageFileDirectory_v2()
    tags[256], tags[257], tags[258], tags[259], tags[262] = width, height, bits, 1, photometric
    tags[277], tags[278], tags[284] = channels, height, planar
    sizes = [plane.nbytes for plane in planes]
    # Pillow counts these from the end of the directory.
    tags[273], tags[279] = tuple(sum(sizes[:at]) for at in range(len(sizes))), tuple(sizes)
    return b"II*\0\x08\0\0\0" + tags.tobytes(8) + b"".join(plane.tobytes() for plane in planes)


def _pages() -> bytes:
    content = io.BytesIO()
    _scene().save(content, "TIFF", save_all=True, append_images=[_scene("L"), _scene(size_wh=(20, 30))])
    return content.getvalue()


def _multi_picture() -> bytes:
    content = io.BytesIO()
    _scene().save(content, "MPO", save_all=True, append_images=[_scene().rotate(9)])
    return content.getvalue()


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


_MAKERS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: _saved("JPEG", exif=_exif(), icc_profile=_icc(), xmp=_XMP, comment=b"remark"),
    "jpeg-progressive": lambda: _saved("JPEG", progressive=True, exif=_exif(3)),
    "jpeg-grey": lambda: _saved("JPEG", "L"),
    "jpeg-cmyk": lambda: _saved("JPEG", "CMYK"),
    "jpeg-restarts": lambda: _saved("JPEG", restart_marker_blocks=4),
    "jpeg-pictures": _multi_picture,
    "png": lambda: _saved("PNG", exif=_exif(8), icc_profile=_icc(), pnginfo=_png_text()),
    "png-alpha": lambda: _saved("PNG", "RGBA"),
    "png-grey-alpha": lambda: _saved("PNG", "LA"),
    "png-palette": lambda: _saved("PNG", "P", transparency=3),
    "png-bits": lambda: _saved("PNG", "1"),
    "png-deep": _deep_grey,
    "png-animated": lambda: _frames("PNG", default_image=True),
    "webp": lambda: _saved("WEBP", exif=_exif(5), icc_profile=_icc(), xmp=_XMP),
    "webp-lossless": lambda: _saved("WEBP", "RGBA", lossless=True),
    "webp-animated": lambda: _frames("WEBP"),
    "tiff": lambda: _saved("TIFF", exif=_exif(), icc_profile=_icc(), compression="raw"),
    "tiff-lzw": lambda: _saved("TIFF", compression="tiff_lzw"),
    "tiff-deflate": lambda: _saved("TIFF", "RGBA", compression="tiff_adobe_deflate"),
    "tiff-jpeg": lambda: _saved("TIFF", compression="jpeg"),
    "tiff-bits": lambda: _saved("TIFF", "1", compression="group4"),
    "tiff-pages": _pages,
    "tiff-planes": lambda: _deep_tiff((16, 16, 16), 2, 2),
    "tiff-deep": lambda: _deep_tiff((16, 16, 16), 1, 2),
    "tiff-white-is-zero": lambda: _deep_tiff((16,), 1, 0),
    "avif": lambda: _saved("AVIF", exif=_exif(), icc_profile=_icc(), xmp=_XMP),
    "avif-alpha": lambda: _saved("AVIF", "RGBA"),
    "avif-animated": lambda: _frames("AVIF"),
}


def corpus() -> Iterator[tuple[str, bytes]]:
    """Name and content of every picture, HEIC among them where it can be read."""
    for name, make in _MAKERS.items():
        yield name, make()
    try:
        import pillow_heif
    except ImportError:
        return
    content = io.BytesIO()
    pillow_heif.from_pillow(_scene()).save(content, exif=_exif(), quality=80)
    yield "heic", content.getvalue()
