"""HDF5 files that `check_hdf5` has checked: recordings as SHD and SSC have them, and arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ultralif_deploy.data.binning import Events, Recordings, structured_events
from ultralif_deploy.data.splits import SPLITS
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.hdf5 import DATA, check_hdf5
from ultralif_deploy.io.hdf5_lists import Lists

TIMES, UNITS, LABELS = "spikes/times", "spikes/units", "labels"
UNITS_OF_SHD = "700"
GROUPS = {name for spelled in SPLITS.values() for name in spelled}
"""Channels of the artificial cochlea."""

LATEST_SECONDS = 1e6


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what h5py raises on damaged files, errors of many kinds, into one line."""
    try:
        yield
    except UltralifError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UltralifError(f"{path}: damaged, it cannot be read ({reason})") from error


def is_shd(path: Path) -> bool:
    """Whether a file holds spikes in the layout of SHD and SSC."""
    with _readable(path), h5py.File(path, "r") as file:
        return TIMES in file and UNITS in file


def array_names(path: Path) -> tuple[str, ...]:
    """Names of the arrays at the top of a file; `x` in the group of a split is `train_x`."""
    with _readable(path), h5py.File(path, "r") as file:
        return tuple(_arrays(path, file))


def _arrays(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Arrays of an open file, by their names."""
    found: dict[str, h5py.Dataset] = {}
    for name, item in file.items():
        split = isinstance(item, h5py.Group) and name in GROUPS
        inner = item.items() if split else ()
        here = {name: item} if isinstance(item, h5py.Dataset) else {}
        here |= {f"{name}_{n}": one for n, one in inner if isinstance(one, h5py.Dataset)}
        if twice := found.keys() & here:
            raise UltralifError(f"{path}: two arrays are named {min(twice)}; expected one")
        found |= here
    return found


def read_array(path: Path, name: str) -> np.ndarray:
    """One of them."""
    with _readable(path), h5py.File(path, "r") as file:
        array = _arrays(path, file)[name]
        if array.dtype.kind not in "biuf":  # HDF5 is not trusted with lists and texts
            raise UltralifError(f"{path}: {array.name[1:]} holds {array.dtype}; expected numbers")
        return np.asarray(array[()])


def shd_recordings(path: Path) -> Recordings:
    """Recordings with spikes/times in seconds, spikes/units, and perhaps labels.

    Raises:
        UltralifError: other contents under these names.
    """
    check_hdf5(path, DATA)
    times, units = Lists(path, TIMES), Lists(path, UNITS)
    labels = read_array(path, LABELS) if LABELS in array_names(path) else None
    if len(units) != len(times) or (labels is not None and labels.shape != (len(times),)):
        shape = "none" if labels is None else labels.shape
        raise UltralifError(
            f"{path}: {len(times)} lists of times, {len(units)} of units, labels {shape}; expected "
            "one of each for a sample"
        )
    if labels is not None and labels.dtype.kind not in "iu":
        raise UltralifError(f"{path}: labels are {labels.dtype}; expected integers")

    def read(number: int) -> Events:
        where = f"{path}: sample {number}"
        seconds, unit = times[number].astype(np.float64), units[number]
        if not np.all(np.abs(seconds) < LATEST_SECONDS):  # neither is NaN
            raise UltralifError(
                f"{where}: times up to {seconds.max(initial=0):g}; expected seconds, less than "
                f"{LATEST_SECONDS:g}"
            )
        events = structured_events(where, {"t": np.trunc(seconds * 1e6), "x": unit})
        label = None if labels is None else int(labels[number])
        return Events(events.t, events.x, label=label)

    names = tuple(f"sample {i}" for i in range(len(times)))
    return Recordings(str(path), names, read, UNITS_OF_SHD, from_zero=True, polarities=False)
