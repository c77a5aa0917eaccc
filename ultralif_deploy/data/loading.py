"""Reading data sets from .npz files, which are never trusted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.npz import read_npz

EMBEDDED = {"digits": Path(__file__).parent / "digits.npz"}
"""Data sets inside the package. digits: 1797 handwritten 8×8 digits, see README.md beside it."""


LARGEST_COUNT = 65_535
"""Largest count of events in one frame."""


@dataclass(frozen=True, slots=True)
class Split:
    """Samples and their labels.

    Attributes:
        x: images [sample, …] uint8, float in [0, 1] or bool (True is a full pixel), or spikes
            [sample, time, …]; uint16 where counts of events pass 255.
        y: labels [sample] int64, or None.
    """

    x: np.ndarray
    y: np.ndarray | None

    def cut(self, count: int) -> tuple["Split", "Split"]:
        """The first `count` samples and the rest."""
        if self.y is None:
            return Split(self.x[:count], None), Split(self.x[count:], None)
        return Split(self.x[:count], self.y[:count]), Split(self.x[count:], self.y[count:])


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        name: `digits` or the file's name.
        train: training split, or None.
        test: test split.
        test_from: where the test split came from, when not from the file's own x_test.
    """

    name: str
    train: Split | None
    test: Split
    test_from: str = "x_test"


def load_dataset(source: str | Path) -> Dataset:
    """Load an embedded data set by name, or a .npz file by path.

    The file holds x_test and y_test, x_train and y_train, or both; labels may be missing. Without
    x_test the last sixth of the training samples is held out as the test split.

    Raises:
        UltralifError: no such file or data set, damaged file, missing arrays, splits of
            different sample shapes, labels or pixel values that cannot be used.
    """
    path = EMBEDDED.get(str(source)) or Path(source)
    if str(source) not in EMBEDDED and path.suffix != ".npz":
        raise UltralifError(
            f"{source}: unknown data; expected a .npz file or one of {', '.join(EMBEDDED)}"
        )
    path = readable_file(path)
    arrays = read_npz(path, ("x_train", "y_train", "x_test", "y_test"))
    train = _split(path, "train", arrays)
    test = _split(path, "test", arrays)
    if train is not None and test is not None and train.x.shape[1:] != test.x.shape[1:]:
        raise UltralifError(
            f"{path}: samples of x_train have shape {train.x.shape[1:]}, of x_test "
            f"{test.x.shape[1:]}; expected one shape"
        )
    name = str(source) if str(source) in EMBEDDED else path.name
    if test is not None:
        return Dataset(name, train, test)
    if train is None:
        raise UltralifError(
            f"{path}: neither x_test nor x_train; expected x_train, y_train, x_test, y_test"
        )
    held_out = len(train.x) // 6
    if held_out == 0:
        raise UltralifError(
            f"{path}: {len(train.x)} training samples and no x_test; at least 6 are needed to "
            "hold a sixth of them out"
        )
    return Dataset(name, *train.cut(len(train.x) - held_out), f"last {held_out} of x_train")


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


def _split(path: Path, part: str, arrays: dict[str, np.ndarray]) -> Split | None:
    x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
    if x is None:
        return None
    name = f"{path}: x_{part}"
    if x.ndim < 2 or 0 in x.shape:
        raise UltralifError(f"{name} has shape {x.shape}; expected [sample, …]")
    if x.dtype not in (np.uint8, bool):
        if not np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.complexfloating):
            raise UltralifError(f"{name} is {x.dtype}; expected uint8, integers or floats")
        if not np.isfinite(x).all():
            raise UltralifError(f"{name} has values that are NaN or infinite")
        if np.issubdtype(x.dtype, np.integer):
            if x.min() < 0 or x.max() > LARGEST_COUNT:
                raise UltralifError(
                    f"{name} runs from {x.min()} to {x.max()}; expected 0 to 255 for images, and "
                    f"at most {LARGEST_COUNT} for counts of events"
                )
            x = x.astype(np.uint8 if x.max() <= 255 else np.uint16)
        else:
            x = x.astype(np.float32)
    if y is None:
        return Split(x, None)
    if y.ndim != 1 or len(y) != len(x):
        raise UltralifError(f"{path}: y_{part} has shape {y.shape}; expected ({len(x)},)")
    if not np.issubdtype(y.dtype, np.integer):
        raise UltralifError(f"{path}: y_{part} is {y.dtype}; expected integer labels")
    return Split(x, y.astype(np.int64))
