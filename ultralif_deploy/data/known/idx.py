"""IDX files, in which MNIST and its kin come.

They hold four bytes of type and number of axes, the axes as big-endian 32-bit integers, then the
values (Y. LeCun, C. Cortes, C. Burges, The MNIST database).
"""

import gzip
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ultralif_deploy.data.splits import Dataset, Named, assembled, checked_split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_contents

UNSIGNED_BYTES = 0x08
"""Type of the values in IDX files that are read."""

PARTS = (("train", "train"), ("test", "t10k"))
"""Names of the splits in errors and in IDX files."""


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds the IDX files of training or test images."""
    return any(True for _, part in PARTS for _ in _files(folder, f"{part}-images"))


def dataset_of_idx(folder: Path) -> Dataset:
    """The images and labels of a folder of IDX files, plain or with gzip.

    Raises:
        UltralifError: a damaged file, or one without its labels.
    """
    splits = {}
    for name, part in PARTS:
        images = next(_files(folder, f"{part}-images"), None)
        if images is None:
            continue
        labels = next(_files(folder, f"{part}-labels"), None)
        if labels is None:
            raise UltralifError(f"{folder}: {images.name} without {part}-labels-idx1-ubyte")
        given = Named(read_idx(images), read_idx(labels), images.name, labels.name)
        splits[name] = checked_split(str(folder), given)
    return assembled(str(folder), splits, {"train": "train-images", "test": "t10k-images"})


def _files(folder: Path, stem: str) -> Iterator[Path]:
    """Files of images or labels; writers put a dot or a hyphen before `idx`."""
    for mark in ("-", "."):
        for axes in ("idx3", "idx1"):
            for suffix in ("", ".gz"):
                path = folder / f"{stem}{mark}{axes}-ubyte{suffix}"
                if path.is_file():
                    yield path


def read_idx(path: Path) -> np.ndarray:
    """The array uint8 of an IDX file.

    Raises:
        UltralifError: it is no IDX file of bytes, or is not as long as its axes say.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:3] != bytes((0, 0, UNSIGNED_BYTES)):
                raise UltralifError(f"{path}: starts with {start.hex()}; expected an IDX file")
            axes = start[3]
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            size = math.prod(shape)
            check_contents(str(path), size)
            values = file.read(size + 1)
    except (OSError, EOFError, struct.error) as error:
        raise UltralifError(f"{path}: not a readable IDX file ({error})") from error
    if len(values) != size:
        raise UltralifError(f"{path}: its axes {shape} need {size:,} bytes; it has other many")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
