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

WRITTEN = ("train", "val", "test")
"""What stands behind `x_` and `y_` in the names of the arrays."""


def write_dataset(
    source: Any, path: Path, how: Binning, split: str | None = None
) -> dict[str, Split]:
    """Write a data set to one compressed .npz file, whole or not at all.

    Args:
        source: data as `load_dataset` takes them.
        path: path of the file.
        how: binning of recordings of events into frames. Of other data too, each split keeps at
            most `how.most` samples, those that `binning.chosen` names.
        split: one of `WRITTEN` that is written alone; None writes all. Whoever reads a file with
            training samples alone holds some of them out.

    Returns:
        What was written, by the names that stand behind `x_` and `y_`.

    Raises:
        UltralifError: another suffix, data that cannot be read, or no such split in them.
    """
    if path.suffix != SUFFIX:
        raise UltralifError(f"{path}: expected a name that ends in {SUFFIX}")
    found = load_dataset(source, how)
    if not found.recorded and replace(how, most=None) != Binning():
        raise UltralifError(
            f"{found.name} holds no recordings of events, so it has no frames to choose; leave "
            "--timesteps, --bin, --sensor and --polarity away"
        )
    splits = dict(zip(WRITTEN, (found.train, found.validation, found.test), strict=True))
    if found.validation is found.test:  # the only samples that are not for training
        del splits["val"]
    there = {name: samples for name, samples in splits.items() if samples is not None}
    if split is not None and split not in there:
        raise UltralifError(f"{found.name} has no split {split}; expected {' or '.join(there)}")
    names = there if split is None else (split,)
    kept = {name: _some(there[name], how.most) for name in names}
    arrays: dict[str, np.ndarray] = {}
    for name, samples in kept.items():
        arrays[f"x_{name}"] = samples.x
        if samples.y is not None:
            arrays[f"y_{name}"] = samples.y
    write_bytes(path, npz_bytes(arrays, compressed=True))
    return kept


def _some(split: Split, most: int | None) -> Split:
    """The samples that are kept; of recordings, no more than these were read."""
    if most is None or most >= len(split.x):
        return split
    numbers = chosen(len(split.x), most)
    return Split(split.x[numbers], None if split.y is None else split.y[numbers])
