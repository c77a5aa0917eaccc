"""What another framework computed for the samples: spikes and logits, from a file of the user.

The file is never trusted. Its arrays are recognized by name and shape: an array of spikes belongs
to the population that its key names, as `hidden` or `spikes_hidden`, or else to the only population
of its size. Its axes are [time, sample, neuron …] or [sample, time, neuron …]. What can be read in
two ways is refused.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import sha256_file
from ultralif_deploy.io.npz import read_npz
from ultralif_deploy.program.fixed import MAX_SPIKES

LOGITS = "logits"
PREFIX = "spikes_"
SHOWN = 12
"""Most arrays and populations that an error names."""

ORDERS = ("time", "sample")


@dataclass(frozen=True, slots=True)
class Shapes:
    """What the arrays must fit.

    Attributes:
        neurons: neurons of each population that may fire, by name, in the network's order.
        classes: number of classes of the read-out.
        samples: number of samples of the data, after the limit.
        timesteps: T.
        limited: whether the data were cut, so that the file may hold more samples.
    """

    neurons: Mapping[str, int]
    classes: int
    samples: int
    timesteps: int
    limited: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What the framework computed.

    Attributes:
        path: the file.
        sha256: of the file.
        spikes: spikes by population, uint8 [time, sample, neuron], in the network's order.
        logits: float64 [sample, class], or None.
    """

    path: Path
    sha256: str
    spikes: dict[str, np.ndarray]
    logits: np.ndarray | None

    @property
    def most_spikes(self) -> int:
        """Of a neuron in one timestep."""
        return max((int(spikes.max(initial=0)) for spikes in self.spikes.values()), default=1)


def read_expected(path: str | Path, shapes: Shapes) -> Expected:
    """Read expected spikes and logits.

    Raises:
        UltralifError: no such file, or arrays that fit no population, or several.
    """
    arrays = read_npz(path)
    reader = _Reader(Path(path), shapes, {key: array.shape for key, array in arrays.items()})
    if not arrays:
        raise reader.refusal("no arrays")
    logits = None
    if LOGITS in arrays and LOGITS not in shapes.neurons:
        logits = reader.logits(arrays.pop(LOGITS))
    owners = reader.owners()
    found = {owners[key]: reader.spikes(key, arrays[key], owners[key]) for key in arrays}
    spikes = {name: found[name] for name in shapes.neurons if name in found}
    if spikes and logits is None and not any(one.any() for one in spikes.values()):
        raise reader.refusal("no spike at all, so that nothing can be compared")
    return Expected(Path(path), sha256_file(Path(path)), spikes, logits)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Recognizes the arrays of one file.

    Attributes:
        path: the file, for errors.
        shapes: shapes that the arrays must fit.
        held: shapes of the arrays by key.
    """

    path: Path
    shapes: Shapes
    held: Mapping[str, tuple[int, ...]]

    def refusal(self, what: str) -> UltralifError:
        """An error of one line: what is wrong, the keys found and the shapes expected."""
        found = _listed(f"{key} {shape}" for key, shape in self.held.items())
        s = self.shapes
        axes = f"[{s.timesteps} timesteps, {s.samples} samples, neurons]"
        sizes = _listed(f"{name} {size}" for name, size in s.neurons.items())
        return UltralifError(
            f"{self.path}: {what}; found {found}; expected spikes {axes} or with samples first, "
            f"keys and neurons: {sizes}; or {LOGITS} ({s.samples}, {s.classes})"
        )

    def owners(self) -> dict[str, str]:
        """The population of every array of spikes, by the array's key."""
        keys = [key for key in self.held if key != LOGITS or LOGITS in self.shapes.neurons]
        named = {key: self._named(key) for key in keys}
        owners = {key: name for key, name in named.items() if name is not None}
        for key in keys:
            if key not in owners:
                owners[key] = self._of_its_size(key, set(owners.values()))
        if len(set(owners.values())) < len(owners):
            raise self.refusal("two arrays for one population")
        return owners

    def spikes(self, key: str, array: np.ndarray, population: str) -> np.ndarray:
        """An array as uint8 [time, sample, neuron].

        Args:
            key: key of the array, for errors.
            array: array as the file holds it.
            population: population whose spikes these are.
        """
        orders = self._orders(array.shape, self.shapes.neurons[population])
        if not orders:
            raise self.refusal(f"{key} does not fit {population}")
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise self.refusal(f"{key}: values of type {array.dtype}")
        read = [self._by_time(array, order) for order in orders]
        if any(not np.array_equal(read[0], other) for other in read[1:]):
            raise self.refusal(
                f"{key}: as many samples as timesteps, so that its axes cannot be told apart"
            )
        counts = read[0]
        if np.iscomplexobj(counts) or np.any(counts != np.rint(counts.astype(np.float64))):
            raise self.refusal(f"{key}: values that are no counts of spikes")
        if counts.min() < 0 or counts.max() > MAX_SPIKES:
            raise self.refusal(
                f"{key}: values from {counts.min():g} to {counts.max():g}, which are no counts of "
                "spikes"
            )
        return counts.astype(np.uint8)

    def logits(self, array: np.ndarray) -> np.ndarray:
        """The logits as float64 [sample, class]."""
        wanted = (self.shapes.samples, self.shapes.classes)
        held = array.shape[0] if self.shapes.limited and array.ndim == 2 else wanted[0]
        if array.shape != (max(held, wanted[0]), wanted[1]):
            raise self.refusal(f"{LOGITS} of shape {array.shape}")
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise self.refusal(f"{LOGITS}: values that are no finite numbers")
        return array[: wanted[0]].astype(np.float64)

    def _named(self, key: str) -> str | None:
        """The population that a key names, with the prefix or without, and leading `_` or not."""
        for name in (key, key.removeprefix(PREFIX)):
            if name in self.shapes.neurons:
                return name
            bare = [one for one in self.shapes.neurons if one.lstrip("_") == name.lstrip("_")]
            if len(bare) == 1:
                return bare[0]
        return None

    def _of_its_size(self, key: str, taken: Iterable[str]) -> str:
        """The only population that an array without a name of one fits."""
        fitting = [name for name in self._fitting(self.held[key]) if name not in taken]
        if len(fitting) == 1:
            return fitting[0]
        which = f"fits {', '.join(fitting)}" if fitting else "fits no population"
        raise self.refusal(f"{key} names no population and {which}")

    def _fitting(self, shape: tuple[int, ...]) -> list[str]:
        """Populations whose spikes may have a shape."""
        return [name for name, size in self.shapes.neurons.items() if self._orders(shape, size)]

    def _orders(self, shape: tuple[int, ...], size: int) -> list[str]:
        """The orders of axes that a shape can have: `time` first, `sample` first, both or none.

        Axes of one entry may be missing.
        """
        found = []
        for order in ORDERS:
            needed, given = _without_ones(self._leading(shape, order)), _without_ones(shape)
            if given[: len(needed)] == needed and math.prod(given[len(needed) :]) == size:
                found.append(order)
        return found

    def _leading(self, shape: tuple[int, ...], order: str) -> tuple[int, int]:
        """The first two axes that an array must have; where the data were cut, it may hold more."""
        steps, samples = self.shapes.timesteps, self.shapes.samples
        if self.shapes.limited and len(shape) > 2:
            samples = max(samples, shape[1 if order == "time" else 0])
        return (steps, samples) if order == "time" else (samples, steps)

    def _by_time(self, array: np.ndarray, order: str) -> np.ndarray:
        """An array in one order of axes as [time, sample, neuron], cut to the samples in use."""
        whole = array.reshape(*self._leading(array.shape, order), -1)
        ordered = whole if order == "time" else np.swapaxes(whole, 0, 1)
        return ordered[:, : self.shapes.samples]


def _listed(words: Iterable[str]) -> str:
    """The first words, and how many more there are."""
    every = list(words)
    more = [f"and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return ", ".join(every[:SHOWN] + more) or "nothing"


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)
