"""Loading data sets, whichever way they come: by name, from a file or folder, or from Python."""

import re
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
from ultralif_deploy.data.binning import Binning, Recordings
from ultralif_deploy.data.event_files import EVENT_FILES, event_fields, sensor_of
from ultralif_deploy.data.folders import dataset_of_folder
from ultralif_deploy.data.hdf5_files import array_names, is_shd, read_array, shd_recordings
from ultralif_deploy.data.images import IMAGE_FILES, read_images
from ultralif_deploy.data.known.idx import dataset_of_idx, holds_idx
from ultralif_deploy.data.known.names import KNOWN, SPOKEN, found_place
from ultralif_deploy.data.known.spoken import dataset_of_spoken, holds_spoken
from ultralif_deploy.data.objects import dataset_of_object, dataset_of_recordings
from ultralif_deploy.data.splits import Dataset, Named, assembled, checked_split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.hdf5 import DATA, check_hdf5
from ultralif_deploy.io.npz import npz_names, read_npz

EMBEDDED = {"digits": Path(__file__).parent / "digits.npz"}
"""Data sets inside the package. digits: 1797 handwritten 8×8 digits, see README.md beside it."""


def load_dataset(source: Any, binning: Binning | None = None) -> Dataset:
    """Load a data set by name, from a file or folder, or from Python.

    README.md beside this module says which files are read, and how. Files of one set of samples
    give the test split.

    Args:
        source: `digits`, a name of `known.names.KNOWN`, `fsdd:SPEAKER` with that speaker held out
            for tests, a path, or an object: a data set of torchvision or tonic, an array, a pair of
            samples and labels, or a dictionary of these for `train` and `test`.
        binning: binning of recordings of events into frames; other data need none.

    Raises:
        UltralifError: no such file or data set, damaged file, missing arrays, splits of
            different sample shapes, labels or pixel values that cannot be used.
    """
    how = binning or Binning()
    if not isinstance(source, (str, Path)):
        return dataset_of_object(source, how)
    if str(source) in EMBEDDED:
        return replace(_npz(EMBEDDED[str(source)], how), name=str(source))
    if str(source) in KNOWN:
        return replace(load_dataset(found_place(str(source)), how), name=str(source))
    known, _, speaker = str(source).partition(":")
    if known == SPOKEN and speaker:
        held_out = dataset_of_spoken(found_place(SPOKEN), how, speaker)
        return replace(held_out, name=str(source))
    path = Path(source)
    read = FILES.get(path.suffix.lower())
    if read is None and path.is_dir():
        return _folder(path, how)
    if read is None:
        raise UltralifError(
            f"{source}: unknown data; expected a file ({', '.join(FILES)}), a folder of images or "
            f"recordings, or {', '.join((*EMBEDDED, *KNOWN))}{UNREAD.get(path.suffix.lower(), '')}"
        )
    return read(readable_file(path), how)


def _folder(path: Path, how: Binning) -> Dataset:
    """A folder of a layout of its own, or of samples in a folder for each class."""
    if holds_idx(path):
        return dataset_of_idx(path)
    return dataset_of_spoken(path, how) if holds_spoken(path) else dataset_of_folder(path, how)


def _npz(path: Path, how: Binning) -> Dataset:
    """Arrays by name, or the events of one recording."""
    names = npz_names(path)
    if event_fields(names) is not None:
        return _recording(path, how)
    found = dataset_of_names(str(path), names, lambda name: read_npz(path, (name,))[name])
    if found is None:
        raise no_samples(str(path), names)
    return found


def _npy(path: Path, how: Binning) -> Dataset:
    """One recording, or an array, with labels and the other split beside it under their names."""
    array = read_npy(path)
    if array.dtype.names is not None:
        return _recording(path, how)
    files = {file.stem: file for file in path.parent.glob("*.npy")}
    found = dataset_of_names(
        str(path), beside(path.stem, files), lambda name: read_npy(readable_file(files[name]))
    )
    return found or one_set(str(path), Named(array, x_name="its array"))


def _csv(path: Path, how: Binning) -> Dataset:
    """A sample in every row, or the events of one recording."""
    columns = read_table(path)
    if event_fields(tuple(columns)) is not None:
        return _recording(path, how)
    return dataset_of_table(path, columns)


def _image(path: Path, how: Binning) -> Dataset:
    """One image, without a label."""
    split = checked_split(str(path), Named(read_images(str(path), [path]), x_name="image"))
    return assembled(str(path), {"test": split}, {"test": "image"})


def _recording(path: Path, how: Binning) -> Dataset:
    """One recording of events, without a label."""
    suffix = path.suffix.lower()
    read = EVENT_FILES[suffix]
    part = Recordings(str(path), ("events",), lambda i: read(path), sensor_of(path))
    return dataset_of_recordings(str(path), {"test": part}, how)


def _hdf5(path: Path, how: Binning) -> Dataset:
    """Recordings as SHD and SSC have them, with the other split beside them; or named arrays."""
    check_hdf5(path, DATA)
    if not is_shd(path):
        names = array_names(path)
        found = dataset_of_names(str(path), names, lambda name: read_array(path, name))
        if found is None:
            raise no_samples(str(path), names, "; or recordings: spikes/times and spikes/units")
        return found
    parts = {"test": path}
    for part, other in (("test", "train"), ("train", "test")):
        pair = path.with_name(re.sub(f"(?i){part}", other, path.name))
        if pair != path and pair.is_file():
            parts = {part: path, other: pair}
    read = {part: shd_recordings(file) for part, file in sorted(parts.items())}
    return dataset_of_recordings(str(path), read, how)


FILES: dict[str, Callable[[Path, Binning], Dataset]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".csv": _csv,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".bin": _recording,
    ".aedat4": _recording,
    **dict.fromkeys(IMAGE_FILES, _image),
}
"""Readers of files by suffix."""

_FROM_ARRAYS = "; np.savez('data.npz', x=x, y=y) writes a file that is read"
_FROM_EVENTS = "; give its events as a structured array of t, x, y, p in a .npy file"
_UNPACKED = "; unpack it first"

UNREAD = {
    **dict.fromkeys((".pt", ".pth", ".pkl", ".pickle", ".mat"), _FROM_ARRAYS),
    **dict.fromkeys((".aedat", ".dat", ".raw", ".es"), _FROM_EVENTS),
    **dict.fromkeys((".zip", ".gz", ".tar", ".tgz", ".xz", ".bz2"), _UNPACKED),
}
"""What to do about files that are not read."""


def check_labels(labels: np.ndarray, classes: int, what: str) -> np.ndarray:
    """Return the labels when all lie in [0, classes).

    Args:
        labels: int64 [sample].
        classes: number of classes of the network.
        what: text that names the data set and its part, for errors.

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
