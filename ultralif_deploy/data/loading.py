"""Loading data sets, whichever way they come: by name, from a file or folder, or from Python."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.data.arrays import (
    beside,
    dataset_of_names,
    dataset_of_table,
    no_samples,
    one_set,
    read_npy,
    read_table,
)
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.data.splits import Dataset, Named
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.npz import npz_names, read_npz

EMBEDDED = {"digits": Path(__file__).parent / "digits.npz"}
"""Data sets inside the package. digits: 1797 handwritten 8×8 digits, see README.md beside it."""


def load_dataset(source: Any, binning: Binning | None = None) -> Dataset:
    """Load an embedded data set by name, a file or a folder by path.

    README.md beside this module says which files are read, and how. Files of one set of samples
    give the test split.

    Args:
        source: `digits` or a path.
        binning: how recordings of events become frames; other data need none.

    Raises:
        UltralifError: no such file or data set, damaged file, missing arrays, splits of
            different sample shapes, labels or pixel values that cannot be used.
    """
    how = binning or Binning()
    if str(source) in EMBEDDED:
        return replace(_npz(EMBEDDED[str(source)], how), name=str(source))
    path = Path(source)
    read = FILES.get(path.suffix.lower())
    if read is None:
        raise UltralifError(
            f"{source}: unknown data; expected a file {', '.join(FILES)}, or {', '.join(EMBEDDED)}"
        )
    return read(readable_file(path), how)


def _npz(path: Path, how: Binning) -> Dataset:
    names = npz_names(path)
    found = dataset_of_names(str(path), names, lambda name: read_npz(path, (name,))[name])
    if found is None:
        raise no_samples(str(path), names)
    return found


def _npy(path: Path, how: Binning) -> Dataset:
    """An array, with the labels and the other split that lie beside it under names that tell so."""
    files = {file.stem: file for file in path.parent.glob("*.npy")}
    found = dataset_of_names(
        str(path), beside(path.stem, files), lambda name: read_npy(readable_file(files[name]))
    )
    return found or one_set(str(path), Named(read_npy(path), x_name="its array"))


def _csv(path: Path, how: Binning) -> Dataset:
    return dataset_of_table(path, read_table(path))


FILES: dict[str, Callable[[Path, Binning], Dataset]] = {".npz": _npz, ".npy": _npy, ".csv": _csv}
"""Readers of files by suffix."""


def check_labels(labels: np.ndarray, classes: int, what: str) -> np.ndarray:
    """Return the labels when all lie in [0, classes).

    Args:
        labels: int64 [sample].
        classes: number of classes of the network.
        what: names the data set and its part, for errors.

    Raises:
        UltralifError: naming the first label that does not.
    """
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        first = int(np.argmax(bad))
        raise UltralifError(
            f"{what}: label {int(labels[first])} at sample {first}; the network has {classes} "
            f"classes, expected 0 to {classes - 1}"
        )
    return labels
