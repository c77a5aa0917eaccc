"""Samples with their labels, checked: what every reader of data returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ultralif_deploy.data.backbone.record import Features
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.errors import UltralifError

LARGEST_COUNT = 65_535
"""Largest count of events in one frame."""

VALIDATION = 5
"""One of so many training samples is measured on, where choices need samples of their own."""

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
"""How the names of files, folders, groups and arrays spell each split, in small letters."""


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

    def mixed(self) -> "Split":
        """The samples; in another order, always the same, where each class stands in one run.

        Files are often sorted by class. Their first and their last samples are of one class.
        """
        if self.y is None or np.count_nonzero(np.diff(self.y)) >= len(np.unique(self.y)):
            return self
        order = np.random.default_rng(0).permutation(len(self.x))
        return Split(self.x[order], self.y[order])

    def held_out(self, count: int) -> tuple["Split", "Split"]:
        """The samples without the last `count`, and these; mixed where each class is in one run."""
        return self.mixed().cut(len(self.x) - count)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        name: `digits` or the file's name.
        train: training split, or None.
        test: test split.
        test_from: origin of the test split, if it is not the file's own x_test.
        binning: binning of recordings of events into frames; without values for other data.
        features: backbone that made the samples; None where they are the data themselves.
        validation: the data's own validation split, if they have one.
    """

    name: str
    train: Split | None
    test: Split
    test_from: str = "x_test"
    binning: Binning = field(default_factory=Binning)
    features: Features | None = None
    validation: Split | None = None

    @property
    def recorded(self) -> bool:
        """Whether the samples were recordings of events, so that they are frames for sure."""
        return self.binning != Binning()

    def validating(self) -> "Dataset":
        """The data set with its validation split in place of the test samples.

        Without one, the last fifth of the training samples is that.

        Raises:
            UltralifError: there are neither, nor five training samples.
        """
        if self.validation is not None:
            where = "validation split"
            return replace(self, test=self.validation, test_from=where, validation=None)
        samples = 0 if self.train is None else len(self.train.x)
        held_out = samples // VALIDATION
        if self.train is None or held_out == 0:
            raise UltralifError(
                f"{self.name}: {samples} training samples; at least {VALIDATION} are needed to "
                "measure on a fifth of them; --split test measures on the test samples"
            )
        train, test = self.train.held_out(held_out)
        where = f"last {held_out} training samples"
        return replace(self, train=train, test=test, test_from=where)


@dataclass(frozen=True, slots=True)
class Named:
    """Arrays of one split before they are checked, with the names that errors give them.

    Attributes:
        x: samples, or one sample.
        y: labels, one label, or None.
        x_name: name of the samples, for example `x_test`.
        y_name: name of the labels.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    x_name: str = "x"
    y_name: str = "y"


def checked_split(where: str, given: Named) -> Split:
    """Check samples and labels, and bring them to the types of `Split`.

    Args:
        where: text that names the file, for errors.
        given: the arrays.

    Raises:
        UltralifError: samples or labels that cannot be used.
    """
    x, y = _samples(f"{where}: {given.x_name}", given.x), given.y
    if y is None:
        return Split(x, None)
    if y.shape == (len(x), 1):  # as MedMNIST and CIFAR files have it
        y = y[:, 0]
    if y.ndim != 1 or len(y) != len(x):
        hint = ", so give y.argmax(axis=1) of one-hot rows" if y.ndim == 2 else ""
        raise UltralifError(
            f"{where}: {given.y_name} has shape {y.shape}; expected ({len(x)},){hint}"
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise UltralifError(f"{where}: {given.y_name} is {y.dtype}; expected integer labels")
    return Split(x, y.astype(np.int64))


def _samples(name: str, x: np.ndarray) -> np.ndarray:
    if x.ndim < 2 or 0 in x.shape:
        raise UltralifError(f"{name} has shape {x.shape}; expected [sample, …]")
    if x.dtype in (np.uint8, bool):
        return x
    if not np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.complexfloating):
        raise UltralifError(f"{name} is {x.dtype}; expected uint8, integers or floats")
    if not np.isfinite(x).all():
        raise UltralifError(f"{name} has values that are NaN or infinite")
    if not np.issubdtype(x.dtype, np.integer):
        return x.astype(np.float32)
    if x.min() < 0 or x.max() > LARGEST_COUNT:
        raise UltralifError(
            f"{name} runs from {x.min()} to {x.max()}; expected 0 to 255 for images, and "
            f"at most {LARGEST_COUNT} for counts of events"
        )
    return x.astype(np.uint8 if x.max() <= 255 else np.uint16)


def assembled(
    where: str, splits: Mapping[str, Split], names: Mapping[str, str] | None = None
) -> Dataset:
    """A data set of the splits that there are.

    Without a test split, the validation split is that; without both, a sixth of the training
    samples.

    Args:
        where: text that names the file, for errors.
        splits: the splits by the keys of `SPLITS`, at least one.
        names: names of the samples of splits, for errors and the record; None is the keys.

    Raises:
        UltralifError: samples of different shapes, or too few to hold some out.
    """
    name = where.replace("\\", "/").rstrip("/").rpartition("/")[2] or where
    called = {part: part for part in SPLITS} | dict(names or {})
    (first, shape), *others = ((part, split.x.shape[1:]) for part, split in splits.items())
    for other, found in others:
        if found != shape:
            raise UltralifError(
                f"{where}: samples of {called[first]} have shape {shape}, of {called[other]} "
                f"{found}; expected one shape"
            )
    train, validation, test = (splits.get(part) for part in SPLITS)
    if test is not None:
        return Dataset(name, train, test, called["test"], validation=validation)
    if validation is not None:
        return Dataset(name, train, validation, called["validation"], validation=validation)
    assert train is not None
    held_out = len(train.x) // 6
    if held_out == 0:
        raise UltralifError(
            f"{where}: {len(train.x)} training samples and no {called['test']}; at least 6 are "
            "needed to hold a sixth of them out"
        )
    order = "" if train.mixed() is train else ", mixed"
    where = f"last {held_out} of {called['train']}{order}"
    return Dataset(name, *train.held_out(held_out), where)
