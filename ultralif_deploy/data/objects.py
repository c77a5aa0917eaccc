"""Data sets that are Python objects: torchvision's and tonic's, arrays, and pairs of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ultralif_deploy.data.arrays import one_set
from ultralif_deploy.data.binning import Binning, Events, Recordings, binned, resolved, some
from ultralif_deploy.data.event_files import events_of_array
from ultralif_deploy.data.splits import SPLITS, Dataset, Named, Split, assembled, checked_split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.io.progress import each_sample

Item = Callable[[int], tuple[np.ndarray, int | None]]
"""A sample and its label, by number."""


def dataset_of_object(source: Any, how: Binning) -> Dataset:
    """A data set of what Python code holds.

    Args:
        source: a data set with `len` and `[i]`, as those of torchvision and tonic, whose items are
            samples or pairs of a sample and a label; an array of samples; a pair of samples and
            labels; or a dictionary with such values for `train`, `validation` and `test`.
        how: binning of events into frames.

    Raises:
        UltralifError: none of these, or samples that cannot be used.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping):
        parts = {name: _part(source[name]) for name in SPLITS if name in source}
        if not parts or len(parts) < len(source):
            raise UltralifError(
                f"data with keys {', '.join(map(str, source))}; expected {', '.join(SPLITS)}, or "
                "some of them"
            )
    else:
        parts = {"test": _part(source)}
    name = type(source).__name__
    arrays = {part: given for part, given in parts.items() if isinstance(given, Named)}
    if len(arrays) < len(parts):
        return dataset_of_recordings(name, parts, how)
    if isinstance(source, Mapping):
        splits = {part: checked_split(name, given) for part, given in arrays.items()}
        return assembled(name, splits)
    return one_set(name, arrays["test"])


def dataset_of_recordings(
    where: str, parts: Mapping[str, Recordings | Named], how: Binning
) -> Dataset:
    """A data set of recordings, one entry for each split.

    Args:
        where: text that names the file, folder or object.
        parts: recordings by the keys of `SPLITS`.
        how: binning of events into frames, as far as it is known.

    Raises:
        UltralifError: samples of another kind among them, or recordings that cannot be binned.
    """
    for name, part in parts.items():
        if not isinstance(part, Recordings):
            raise UltralifError(f"{where}: {name} holds no events; expected the same in all")
        if not part.names:
            raise UltralifError(f"{where}: {name} holds no recordings; expected at least one")
    recorded = {
        name: some(part, how.most) for name, part in parts.items() if isinstance(part, Recordings)
    }
    settled = resolved(how, list(recorded.values()))
    splits = {name: Split(*binned(part, settled)) for name, part in recorded.items()}
    return replace(assembled(where, splits), binning=settled)


def _part(source: Any) -> Named | Recordings:
    """The samples of one split, as arrays or as recordings."""
    if _is_array(source):
        array = _array(source)
        if array.dtype.names is not None:
            return Recordings("data", ("events",), lambda i: events_of_array("data", array))
        return Named(array, x_name="its array")
    pair = isinstance(source, (tuple, list)) and len(source) == 2 and all(map(_is_array, source))
    if pair:
        return Named(_array(source[0]), _array(source[1]), "samples", "labels")
    if not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        raise UltralifError(
            f"data of type {type(source).__name__}; expected a path, arrays, or a data set with "
            "len() and [i], not a loader of batches"
        )
    name = type(source).__name__
    return part_of_items(name, len(source), lambda i: _item(name, source[i]), _sensor(source))


def part_of_items(name: str, count: int, item: Item, sensor: str | None) -> Named | Recordings:
    """Items one by one, as recordings where they are events and as one array where not.

    Args:
        name: name of the data set, for errors.
        count: number of items.
        item: an item by number.
        sensor: width and height of the sensor, if they are known.

    Raises:
        UltralifError: no items, items of different shapes, or more than memory is allowed for.
    """
    if not count:
        raise UltralifError(f"{name}: no samples; expected at least one")
    first, label = item(0)
    if first.dtype.names is not None:
        one_polarity = "y" not in first.dtype.names or "p" not in first.dtype.names
        return Recordings(
            name,
            tuple(f"item {i}" for i in range(count)),
            lambda i: _events(f"{name}: item {i}", *item(i)),
            sensor,
            polarities=False if one_polarity else None,
        )
    size = math.prod((count, *first.shape)) * first.dtype.itemsize
    what = f"{name}: {count:,} samples of shape {first.shape}"
    check_memory(what, size, "give fewer samples, or 8-bit ones")
    x, labels = np.empty((count, *first.shape), first.dtype), [label]
    x[0] = first
    for i in each_sample("read samples", range(1, count)):
        sample, label = item(i)
        if sample.shape != first.shape:
            raise UltralifError(
                f"{name}: item {i} has shape {sample.shape}, item 0 {first.shape}; expected one "
                "shape: crop or resize images, and bin events into as many frames"
            )
        x[i] = sample
        labels.append(label)
    known = [label for label in labels if label is not None]
    return Named(x, np.array(known) if known else None, "its samples", "its labels")


def _events(where: str, array: np.ndarray, label: int | None) -> Events:
    events = events_of_array(where, array)
    return Events(events.t, events.x, events.y, events.p, label)


def _item(name: str, found: Any) -> tuple[np.ndarray, int | None]:
    """A sample and its label of an item as a data set returns it."""
    if isinstance(found, (tuple, list)) and len(found) == 2:
        sample, label = found
        number = np.asarray(label if not hasattr(label, "detach") else label.detach().cpu())
        if number.size != 1 or number.dtype.kind not in "iu":
            raise UltralifError(
                f"{name}: a label {str(label)[:60]!r}; expected whole numbers, so give the data "
                "set a target_transform"
            )
        return _array(sample), int(number.reshape(-1)[0])
    if isinstance(found, (tuple, list)) and len(found) != 1:
        raise UltralifError(
            f"{name}: items of {len(found)} parts; expected samples, or pairs of a sample and a "
            "label"
        )
    return _array(found[0] if isinstance(found, (tuple, list)) else found), None


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def _array(value: Any) -> np.ndarray:
    """An array of an array, a tensor of torch, or an image of Pillow (channels first)."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if hasattr(value, "getbands") and array.ndim == 3:
        array = np.moveaxis(array, -1, 0)
    if array.dtype == object:
        raise UltralifError(
            f"a sample of type {type(value).__name__}; expected arrays, tensors or images"
        )
    return array


def _sensor(source: Any) -> str | None:
    """Width and height that a data set of tonic tells, also below parts, caches and chains."""
    for _ in range(8):
        size = getattr(source, "sensor_size", None)
        if size is not None and len(size) >= 2:
            return f"{int(size[0])}x{int(size[1])}"
        if parts := getattr(source, "datasets", None):  # of a ConcatDataset
            sizes = {_sensor(part) for part in parts}
            return sizes.pop() if len(sizes) == 1 else None
        source = getattr(source, "dataset", None)
    return None
