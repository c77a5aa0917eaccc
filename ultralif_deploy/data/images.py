"""Images in files, read by Pillow."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.io.progress import each_sample

IMAGE_FILES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
"""Formats that are tried; others of Pillow start programs or are rare."""

GREY = ("1", "L")
COLOURED = ("RGB", "RGBA", "P", "LA", "PA", "CMYK", "YCbCr", "RGBX")


def read_images(where: str, paths: list[Path]) -> np.ndarray:
    """Images of one size, uint8 [image, height, width], or [image, 3, height, width] in colour.

    Where one image is coloured, all become so.

    Args:
        where: text that names the folder, for errors.
        paths: paths of the images, at least one.

    Raises:
        Missing: Pillow is not installed.
        UltralifError: a damaged image, one of another size or of 16 bits, or too many.
    """
    heads = [_head(path) for path in paths]
    size = heads[0][0]
    for path, (other, _) in zip(paths, heads, strict=True):
        if other != size:
            raise UltralifError(
                f"{path}: {other[0]}x{other[1]} pixels, {paths[0].name} has {size[0]}x{size[1]}; "
                "expected one size: crop or resize them"
            )
    mode = "RGB" if any(mode not in GREY for _, mode in heads) else "L"
    shape = (3, size[1], size[0]) if mode == "RGB" else (size[1], size[0])
    total = len(paths) * math.prod(shape)
    check_memory(f"{where}: {len(paths):,} images", total, "give fewer or smaller ones")
    images = np.empty((len(paths), *shape), np.uint8)
    for i, path in enumerate(each_sample("read images", paths)):
        pixels = _pixels(path, mode)
        images[i] = np.moveaxis(pixels, -1, 0) if mode == "RGB" else pixels
    return images


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise Missing("Pillow, which reads images,", "pip install pillow") from error
    return Image


def _head(path: Path) -> tuple[tuple[int, int], str]:
    """Size and mode of an image, without decoding it."""
    try:
        with _pillow().open(readable_file(path), formats=FORMATS) as image:
            size, mode = image.size, image.mode
    except UltralifError:
        raise
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise _damaged(path, error) from error
    if mode not in (*GREY, *COLOURED):
        raise UltralifError(f"{path}: pixels of mode {mode}; expected 8-bit grey or coloured ones")
    return size, mode


def _pixels(path: Path, mode: str) -> np.ndarray:
    try:
        with _pillow().open(path, formats=FORMATS) as image:
            return np.asarray(image.convert(mode))
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UltralifError:
    reason = str(error).replace(f" {str(path)!r}", "")
    return UltralifError(f"{path}: not a readable image ({reason})")
