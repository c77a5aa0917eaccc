"""What the float network and the integer program share: linear maps, projections, order.

A graph has one input, populations in topological order and projections between them. Several
projections into one population add up. A projection from a population onto itself or an earlier
one acts one timestep later; all others act in the same timestep.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.names import check_names

INPUT = "input"
"""Name by which projections refer to the graph's input."""

LOGITS = "logits"
"""What traces call the read-out's result beside the spikes of populations."""


def frozen(value: Any, dtype: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """A read-only copy of an array with the given dtype and shape.

    Args:
        value: an array, or anything that NumPy turns into one.
        dtype: the dtype of the copy.
        shape: shape that the value must have.
        what: text that names the array, for errors.

    Raises:
        UltralifError: the shape differs, or the dtype cannot hold the values.
    """
    given = np.asarray(value)
    if given.shape != shape:
        raise UltralifError(f"{what}: shape {given.shape}; expected {shape}")
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        if not np.all(given == np.rint(given)):
            raise UltralifError(f"{what}: not whole numbers")
        if given.size and (given.min() < limits.min or given.max() > limits.max):
            raise UltralifError(
                f"{what}: values from {given.min()} to {given.max()}; expected {limits.min} to "
                f"{limits.max}"
            )
    elif not np.all(np.isfinite(given)):
        raise UltralifError(f"{what}: values that are NaN or infinite")
    array: np.ndarray = np.array(given, dtype=dtype, order="C")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """Linear map y = W x.

    Attributes:
        weight: [target, source]; float64 in a network, int8 in a program.
    """

    weight: np.ndarray

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""
        return int(self.weight.shape[1])

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""
        return int(self.weight.shape[0])

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., source] to [..., target].

        One product of all rows is several times faster than one for each timestep.
        """
        rows = signal.reshape(math.prod(signal.shape[:-1]), self.source_size)
        return (rows @ self.weight.T).reshape(*signal.shape[:-1], self.target_size)

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix [target, source]."""
        return self.weight

    def fan_out(self) -> np.ndarray:
        """Non-zero weights that each source neuron meets, int64 [source]."""
        return np.count_nonzero(self.weight, axis=0)


@dataclass(frozen=True, slots=True)
class Identity:
    """Linear map y = x.

    Attributes:
        size: neurons on both sides.
    """

    size: int

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""
        return self.size

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""
        return self.size

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., source] to [..., target]."""
        return signal

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix int8 [target, source]."""
        return np.eye(self.size, dtype=np.int8)

    def fan_out(self) -> np.ndarray:
        """One weight for each source neuron, int64 [source]."""
        return np.ones(self.size, dtype=np.int64)


LinearMap = Dense | Identity | Conv2d


class AnyMap(Protocol):
    """The interface of every linear map; float networks have more kinds than `LinearMap`."""

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., source] to [..., target]."""

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix [target, source]."""

    def fan_out(self) -> np.ndarray:
        """Non-zero weights that each source neuron meets, int64 [source]."""


WEIGHTED = (Dense, Conv2d)
"""Linear maps that hold weights."""


def largest_sums(linear: AnyMap, largest: int) -> np.ndarray:
    """Σ |weight| · largest over the sources of each target neuron, int64 [target]."""
    ones = np.full(linear.source_size, largest, dtype=np.int64)
    if not isinstance(linear, WEIGHTED):
        return ones
    return replace(linear, weight=np.abs(linear.weight.astype(np.int64))).apply(ones)


@dataclass(frozen=True, slots=True)
class Projection:
    """A linear map from a source population (or the input) to a target population."""

    source: str
    target: str
    map: AnyMap

    @property
    def name(self) -> str:
        """`source->target`."""
        return f"{self.source}->{self.target}"


def shape_of(name: str, size: int, projections: Sequence[Projection]) -> tuple[int, ...]:
    """Shape of a population or the input as its convolutions see it: (C, H, W), or (size,).

    Args:
        name: name of the population or of the input.
        size: number of its neurons or values.
        projections: all projections of the program.
    """
    for p in projections:
        if isinstance(p.map, Conv2d) and p.target == name:
            return p.map.output_shape
    for p in projections:
        if isinstance(p.map, Conv2d) and p.source == name:
            return p.map.input_shape
    return (size,)


def check_structure(
    input_size: int, populations: Sequence[Any], projections: Sequence[Projection]
) -> None:
    """Check names and sizes of a graph.

    Args:
        input_size: values per timestep.
        populations: objects with `name` and `size`, in topological order.
        projections: all projections between them.

    Raises:
        UltralifError: naming the layer, what was given and what was expected.
    """
    names = [population.name for population in populations]
    if not names:
        raise UltralifError("a network needs at least one population")
    check_names(names, (INPUT,))
    if LOGITS in names[:-1]:
        raise UltralifError(
            f"population name {LOGITS!r}: certificates keep the read-out's logits under it; "
            "expected another name"
        )
    sizes = {INPUT: input_size, **{p.name: p.size for p in populations}}
    seen: set[tuple[str, str]] = set()
    for projection in projections:
        for end, size in (
            (projection.source, projection.map.source_size),
            (projection.target, projection.map.target_size),
        ):
            if end not in sizes or (end == INPUT and projection.target == INPUT):
                raise UltralifError(f"{projection.name}: no population {end!r}")
            if sizes[end] != size:
                raise UltralifError(
                    f"{projection.name}: the map has {size} values at {end!r}; expected "
                    f"{sizes[end]}"
                )
        if (projection.source, projection.target) in seen:
            raise UltralifError(f"{projection.name}: more than one projection")
        seen.add((projection.source, projection.target))
    driven = {projection.target for projection in projections}
    for name in names:
        if name not in driven:
            raise UltralifError(f"{name}: no projection drives it")


def delayed_projections(
    populations: Sequence[Any], projections: Sequence[Projection]
) -> frozenset[str]:
    """Names of the projections that act one timestep later.

    These lead back to the population that sends, or to an earlier one.
    """
    order = {INPUT: -1} | {p.name: i for i, p in enumerate(populations)}
    return frozenset(p.name for p in projections if order[p.source] >= order[p.target])


def by_target(projections: Sequence[Projection]) -> dict[str, tuple[Projection, ...]]:
    """The projections into each population, by its name."""
    found: dict[str, list[Projection]] = {}
    for projection in projections:
        found.setdefault(projection.target, []).append(projection)
    return {target: tuple(into) for target, into in found.items()}
