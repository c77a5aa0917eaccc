"""Well-known data sets by name, found where other tools keep them; nothing is downloaded.

MNIST and its kin come as IDX files: four bytes of type and number of axes, the axes as big-endian
32-bit integers, then the values (Y. LeCun, C. Cortes, C. Burges, The MNIST database).
"""

import gzip
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultralif_deploy.data.splits import Dataset, Named, assembled, checked_split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_contents

FOLDERS = "ULTRALIF_DATA"
"""Environment variable with folders that are searched first, separated as in PATH."""

EVERYWHERE = (
    *(".", "data", "~/data", "~/datasets", "~/.keras/datasets", "~/scikit_learn_data"),
    *("/usr/share/datasets", "/usr/local/share/datasets"),
)
"""Where torchvision, tonic, Keras and Debian's packages keep data sets, or are told to."""

UNSIGNED_BYTES = 0x08
"""Type of the values in IDX files that are read."""

PARTS = (("train", "train"), ("test", "t10k"))
"""Names of the splits in errors and in IDX files."""


@dataclass(frozen=True, slots=True)
class Known:
    """A data set that has a name.

    Attributes:
        what: description with its licence.
        places: files and folders below the searched folders; the first that exists is taken.
        how: line that gets it.
    """

    what: str
    places: tuple[str, ...]
    how: str


def _torchvision(name: str) -> str:
    return (
        'pip install torchvision && python -c "import torchvision.datasets as d; d.'
        f"{name}('data', download=True); d.{name}('data', train=False, download=True)\""
    )


def _tonic(name: str) -> str:
    return (
        f"pip install tonic && python -c \"import tonic.datasets as d; d.{name}('data'); "
        f"d.{name}('data', train=False)\""
    )


KNOWN = {
    "mnist": Known(
        "MNIST, 70 000 handwritten digits of 28×28 pixels (CC BY-SA 3.0)",
        ("MNIST/raw", "mnist", "mnist.npz"),
        _torchvision("MNIST"),
    ),
    "fashion": Known(
        "Fashion-MNIST, 70 000 articles of clothing of 28×28 pixels (MIT)",
        ("FashionMNIST/raw", "fashion-mnist", "fashion_mnist.npz"),
        "apt-get install dataset-fashion-mnist",
    ),
    "kmnist": Known(
        "Kuzushiji-MNIST, 70 000 cursive Japanese characters of 28×28 pixels (CC BY-SA 4.0)",
        ("KMNIST/raw", "kmnist"),
        _torchvision("KMNIST"),
    ),
    "nmnist": Known(
        "N-MNIST, MNIST before an event camera of 34×34 pixels (CC BY-SA 4.0); give --timesteps",
        ("NMNIST", "N-MNIST"),
        _tonic("NMNIST"),
    ),
    "shd": Known(
        "Spiking Heidelberg Digits, spoken digits on 700 channels (CC BY 4.0); give --timesteps",
        ("SHD/shd_train.h5", "shd_train.h5"),
        _tonic("SHD"),
    ),
}
"""By the name that --data takes."""


def searched() -> tuple[Path, ...]:
    """The folders that are searched, in order."""
    given = [f for f in os.environ.get(FOLDERS, "").split(os.pathsep) if f]
    return tuple(Path(folder).expanduser() for folder in (*given, *EVERYWHERE))


def place_of(name: str) -> Path | None:
    """Where a data set of `KNOWN` lies on this machine; None if it was not found."""
    candidates = (folder / place for folder in searched() for place in KNOWN[name].places)
    return next((path for path in candidates if path.exists() and _complete(path)), None)


def found_place(name: str) -> Path:
    """The same, which must be there.

    Raises:
        UltralifError: it is not; the message says where was looked, and what gets it.
    """
    place = place_of(name)
    if place is None:
        folders = ", ".join(str(folder) for folder in searched())
        raise UltralifError(
            f"{name}: not on this machine; looked for {' or '.join(KNOWN[name].places)} below "
            f"{folders}. Get it with: {KNOWN[name].how}; or name its folder in ${FOLDERS}"
        )
    return place


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds the IDX files of training or test images."""
    return any(True for _, part in PARTS for _ in _files(folder, f"{part}-images"))


def _complete(path: Path) -> bool:
    """A file, or a folder with IDX files or of recordings."""
    return path.is_file() or holds_idx(path) or any((path / s).is_dir() for s in ("Train", "train"))


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
