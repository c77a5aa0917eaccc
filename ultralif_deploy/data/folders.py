"""Folders of samples: a folder for each class, with images or recordings of events in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ultralif_deploy.data.arrays import dataset_of_names, read_npy
from ultralif_deploy.data.binning import Binning, Events, Recordings
from ultralif_deploy.data.event_files import (
    EVENT_FILES,
    GESTURE_SENSOR,
    read_gesture_events,
    sensor_of,
)
from ultralif_deploy.data.images import IMAGE_FILES, read_images
from ultralif_deploy.data.objects import dataset_of_recordings
from ultralif_deploy.data.splits import SPLITS, Dataset, Named, Split, assembled, checked_split
from ultralif_deploy.errors import UltralifError

SPLIT_FOLDERS = {
    **{name: part for part, spelled in SPLITS.items() for name in spelled},
    **{f"ibmgesture{part}": part for part in ("train", "test")},
}
"""Splits by the names of their folders, in small letters."""

MOST_FILES = 2_000_000
_GESTURE_FOLDER = re.compile(r"user\d+_\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one split.

    Attributes:
        paths: paths of the files, in order.
        classes: name of each one's class; empty where there are no folders of classes.
    """

    paths: list[Path]
    classes: list[str]


def dataset_of_folder(path: Path, how: Binning) -> Dataset:
    """A data set in a folder.

    It holds train, validation and test, or some of them, or the samples of one set. Those are
    files in a folder for each class, or DVS-Gesture's files as tonic keeps them, or files without
    labels.

    Args:
        path: path of the folder.
        how: binning of recordings of events into frames.

    Raises:
        UltralifError: files of several kinds, or none that can be read.
    """
    named = {file.stem: file for file in path.glob("*.npy")}
    found = dataset_of_names(str(path), named, lambda name: read_npy(named[name]))
    if found is not None:
        return found
    folders = _split_folders(path)
    parts = {part: _files(one) for part, one in sorted((folders or {"test": path}).items())}
    suffix = _one_kind(path, parts)
    if suffix in IMAGE_FILES:
        return _images(path, parts)
    return _recordings(path, parts, suffix, how)


def _split_folders(path: Path) -> dict[str, Path]:
    """The folder of each split; empty where there are none."""
    found: dict[str, Path] = {}
    for one in sorted(path.iterdir()):
        part = SPLIT_FOLDERS.get(one.name.lower()) if one.is_dir() else None
        if part in found:
            raise UltralifError(
                f"{path}: {found[part].name} and {one.name} are both the {part} samples; expected "
                "one of them"
            )
        if part is not None:
            found[part] = one
    return found


def _files(folder: Path) -> Found:
    """The files of a split, and the class of each: the name of the folder that it lies in."""
    known = {*IMAGE_FILES, *EVENT_FILES}
    paths = []
    for path in folder.rglob("*"):
        if path.suffix.lower() in known and not path.name.startswith(".") and path.is_file():
            paths.append(path)
        if len(paths) > MOST_FILES:
            raise UltralifError(f"{folder}: more than {MOST_FILES:,} files; give fewer")
    paths.sort()
    deep = [len(path.relative_to(folder).parts) > 1 for path in paths]
    if any(deep) and not all(deep):
        beside = paths[deep.index(False)].name
        raise UltralifError(
            f"{folder}: {beside} lies beside folders of classes; expected all or none in them"
        )
    return Found(paths, [path.relative_to(folder).parts[0] for path in paths if all(deep)])


def _one_kind(path: Path, parts: dict[str, Found]) -> str:
    """The suffix of all files; any suffix of images where they are that."""
    suffixes = {file.suffix.lower() for part in parts.values() for file in part.paths}
    kinds = {"images" if suffix in IMAGE_FILES else suffix for suffix in suffixes}
    empty = [part for part, found in parts.items() if not found.paths]
    if not kinds or empty:
        where = path / empty[0] if len(parts) > 1 else path
        raise UltralifError(
            f"{where}: no files that can be read; expected images ({', '.join(IMAGE_FILES)}) or "
            f"recordings of events ({', '.join(EVENT_FILES)}), in a folder for each class"
        )
    if len(kinds) > 1:
        raise UltralifError(
            f"{path}: holds files of the kinds {', '.join(sorted(suffixes))}; expected one kind"
        )
    return suffixes.pop()


def _numbers(parts: dict[str, Found], by_number: bool) -> dict[str, int]:
    """A label for each class, in the order of their names.

    Args:
        parts: the files of each split.
        by_number: whether a folder whose name is a number has it as its label, if all have.
    """
    names = sorted({name for part in parts.values() for name in part.classes})
    if by_number and all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: i for i, name in enumerate(names)}


def _images(path: Path, parts: dict[str, Found]) -> Dataset:
    labels = _numbers(parts, by_number=False)
    splits: dict[str, Split] = {}
    for part, found in parts.items():
        y = np.array([labels[name] for name in found.classes]) if found.classes else None
        images = read_images(str(path), found.paths)
        splits[part] = checked_split(str(path), Named(images, y, part, f"classes of {part}"))
    return assembled(str(path), splits)


def _recordings(path: Path, parts: dict[str, Found], suffix: str, how: Binning) -> Dataset:
    names = {name for part in parts.values() for name in part.classes}
    gestures = suffix == ".npy" and names and all(map(_GESTURE_FOLDER.fullmatch, names))
    if gestures:
        made = {part: _gestures(found) for part, found in parts.items()}
        return dataset_of_recordings(str(path), made, how)
    labels = _numbers(parts, by_number=True)
    sensor = sensor_of(next(iter(parts.values())).paths[0])
    made = {
        part: _labelled(found, [labels[n] for n in found.classes], EVENT_FILES[suffix], sensor)
        for part, found in parts.items()
    }
    return dataset_of_recordings(str(path), made, how)


def _gestures(found: Found) -> Recordings:
    """Recordings of DVS-Gesture: a folder for each user and light, the label as the file's name."""
    for path in found.paths:
        if not path.stem.isdecimal():
            raise UltralifError(f"{path}: expected a number as its name, the label of the gesture")
    labels = [int(path.stem) for path in found.paths]
    return _labelled(found, labels, read_gesture_events, GESTURE_SENSOR)


def _labelled(
    found: Found, labels: list[int], read: Callable[[Path], Events], sensor: str | None
) -> Recordings:
    """Recordings of files.

    Args:
        found: the files.
        labels: labels of the files; empty where there are none.
        read: the events of a file.
        sensor: width and height, if they are known.
    """

    def events(number: int) -> Events:
        label = labels[number] if labels else None
        return replace(read(found.paths[number]), label=label)

    names = tuple("/".join(path.parts[-2:]) for path in found.paths)
    name = str(found.paths[0].parent)
    return Recordings(name, names, events, sensor)
