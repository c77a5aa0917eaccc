"""Data sets as .npz files with the names that are read: x_train, y_train, x_test and their kin."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.data.binning import Binning, chosen
from ultralif_deploy.data.loading import load_dataset
from ultralif_deploy.data.splits import Split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import write_bytes
from ultralif_deploy.io.npz import npz_bytes

SUFFIX = ".npz"


def write_dataset(source: Any, path: Path, how: Binning) -> dict[str, Split]:
    """Write a data set to one compressed .npz file, whole or not at all.

    Args:
        source: data as `load_dataset` takes them.
        path: path of the file.
        how: binning of recordings of events into frames. Of other data too, each split keeps at
            most `how.most` samples, those that `binning.chosen` names.

    Returns:
        What was written, by the names that stand behind `x_` and `y_`.

    Raises:
        UltralifError: another suffix, or data that cannot be read.
    """
    if path.suffix != SUFFIX:
        raise UltralifError(f"{path}: expected a name that ends in {SUFFIX}")
    found = load_dataset(source, how)
    if not found.recorded and replace(how, most=None) != Binning():
        raise UltralifError(
            f"{found.name} holds no recordings of events, so it has no frames to choose; leave "
            "--timesteps, --bin, --sensor and --polarity away"
        )
    splits = {"train": found.train, "val": found.validation, "test": found.test}
    if found.validation is found.test:  # the only samples that are not for training
        del splits["val"]
    kept = {name: _some(split, how.most) for name, split in splits.items() if split is not None}
    arrays: dict[str, np.ndarray] = {}
    for name, split in kept.items():
        arrays[f"x_{name}"] = split.x
        if split.y is not None:
            arrays[f"y_{name}"] = split.y
    write_bytes(path, npz_bytes(arrays, compressed=True))
    return kept


def _some(split: Split, most: int | None) -> Split:
    """The samples that are kept; of recordings, no more than these were read."""
    if most is None or most >= len(split.x):
        return split
    numbers = chosen(len(split.x), most)
    return Split(split.x[numbers], None if split.y is None else split.y[numbers])
