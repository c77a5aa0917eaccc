"""A projection's weights, laid out for the two ways that `fast` chooses from.

With events, each spike reads only its own weights. With a product, all inputs are multiplied with
all weights in the processor's matrix units. A convolution whose sums pass what float32 holds first
gathers the patches that its kernel reads. Both ways give the same integers.
"""

import functools
from typing import Protocol

import numpy as np

from ultralif_deploy.program.graph import AnyMap, Conv2d, Dense
from ultralif_deploy.simulators.fast import conv_kernels, spike_rows
from ultralif_deploy.simulators.fast.products import (
    FloatConvolution,
    convolves_exactly,
    integer_product,
)
from ultralif_deploy.simulators.native.timing import seconds

TIMED_ROWS = 256
"""Fewest rows (timesteps · samples · positions) that are timed; fewer use events, untimed."""

SHARE_SAMPLES = 16
"""Number of samples from which the share of active values is estimated."""

PATCH_BYTES = 1 << 22
"""Bytes of patches that are gathered at once, few enough for the cache."""


class Synapses(Protocol):
    """A weighted projection."""

    faster: dict[int, bool]
    """Whether events are faster, as timed, by the share of active inputs."""

    only_events: bool
    """There is no product."""

    positions: int
    """Rows of the product for each row of a signal."""

    def weights(self) -> np.ndarray:
        """The integers as stored, as both ways use them; −1 where they differ."""

    def events(self, signal: np.ndarray) -> np.ndarray:
        """Current int32 [time, batch, target] of a signal uint8 [time, batch, source]."""

    def product(self, signal: np.ndarray) -> np.ndarray:
        """The same by a matrix product."""


def currents(synapses: Synapses, signal: np.ndarray) -> np.ndarray:
    """Current int32 [time, batch, target] in the faster way for this share of active inputs.

    Args:
        synapses: weights; they keep which way was faster, as timed once for each share.
        signal: uint8 [time, batch, source].
    """
    signal = np.ascontiguousarray(signal)
    rows = signal.shape[0] * signal.shape[1] * synapses.positions
    if synapses.only_events or rows < TIMED_ROWS:
        return synapses.events(signal)
    share, faster = active_share(signal), synapses.faster
    if share not in faster:
        ways = synapses.events, synapses.product
        by_events, by_product = (seconds(functools.partial(way, signal)) for way in ways)
        faster[share] = by_events < by_product
    return synapses.events(signal) if faster[share] else synapses.product(signal)


def active_share(signal: np.ndarray) -> int:
    """Share of values that are not 0 in the first timestep, in steps of a third of an octave."""
    some = signal[0, :SHARE_SAMPLES]
    return int(np.rint(3 * np.log2(max(np.count_nonzero(some) / some.size, 1e-4))))


def synapses(linear: AnyMap, largest: int) -> Synapses | None:
    """Both ways of a map for inputs of 0 to `largest`; None for an identity."""
    if isinstance(linear, Dense):
        return DenseSynapses(linear, largest)
    if isinstance(linear, Conv2d):
        return ConvSynapses(linear, largest)
    return None


class DenseSynapses:
    """A weight matrix."""

    def __init__(self, linear: Dense, largest: int) -> None:
        self.faster: dict[int, bool] = {}
        self.only_events, self.positions = False, 1
        self.neurons = len(linear.weight)
        self.tiles = spike_rows.tiled(linear.weight)
        self.multiply = integer_product(linear.weight.T, largest)
        self.binary = largest == 1

    def weights(self) -> np.ndarray:
        """Read back; the product by multiplying it with unit vectors."""
        by_product = self.multiply(np.eye(self.tiles.shape[1], dtype=np.uint8)).T
        by_event = spike_rows.untiled(self.tiles, self.neurons)
        return by_event if np.array_equal(by_product, by_event) else np.full_like(by_event, -1)

    def events(self, signal: np.ndarray) -> np.ndarray:
        """Spikes add rows of weights; graded inputs use the product instead."""
        if not self.binary:
            return self.product(signal)
        return spike_rows.currents(signal, self.tiles, self.neurons)

    def product(self, signal: np.ndarray) -> np.ndarray:
        """Rows (timestep, sample) times the matrix."""
        rows = self.multiply(signal.reshape(-1, signal.shape[2]))
        return rows.reshape(*signal.shape[:2], self.neurons)


class ConvSynapses:
    """A convolution; groups whose sums pass what float32 holds have events alone."""

    def __init__(self, linear: Conv2d, largest: int) -> None:
        self.linear = linear
        self.faster: dict[int, bool] = {}
        self.positions = linear.output_shape[1] * linear.output_shape[2]
        _, inner, *kernel = linear.weight.shape
        grouped = linear.weight.reshape(linear.groups, -1, inner, *kernel)
        # [group, input channel, kernel row, kernel column, output channel]
        self.by_source = np.ascontiguousarray(grouped.transpose(0, 2, 3, 4, 1))
        self.geometry = geometry(linear)
        self.multiply = _convolution(linear, largest)
        self.only_events = self.multiply is None

    def weights(self) -> np.ndarray:
        """Read back from both ways."""
        found = self.by_source.transpose(0, 4, 1, 2, 3).reshape(self.linear.weight.shape)
        if self.multiply is None or np.array_equal(found, self.multiply.weights()):
            return found
        return np.full_like(found, -1)

    def events(self, signal: np.ndarray) -> np.ndarray:
        """Every value that is not 0 is added where the kernel puts it."""
        current = np.zeros((*signal.shape[:2], self.linear.target_size), dtype=np.int32)
        conv_kernels.add_events(signal, self.by_source, self.geometry, current)
        return current

    def product(self, signal: np.ndarray) -> np.ndarray:
        """All positions of the kernel, whatever is active."""
        assert self.multiply is not None
        rows = self.multiply(signal.reshape(-1, signal.shape[2]))
        return rows.reshape(*signal.shape[:2], self.linear.target_size)


class PatchProduct:
    """A convolution as a product of patches with its kernel, for sums of any size."""

    def __init__(self, linear: Conv2d, largest: int) -> None:
        self.linear, self.geometry = linear, geometry(linear)
        self.multiply = integer_product(linear.weight.reshape(len(linear.weight), -1).T, largest)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The current int32 [row, target] of rows uint8 [row, source], a few at a time."""
        channels, height, width = self.linear.output_shape
        current = np.empty((len(rows), channels, height * width), dtype=np.int32)
        values = self.linear.weight[0].size
        step = max(1, PATCH_BYTES // (height * width * values))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            patches = np.zeros((len(some), height * width, values), dtype=np.uint8)
            conv_kernels.gather(some, self.geometry, self.linear.kernel, patches)
            found = self.multiply(patches.reshape(-1, values))
            conv_kernels.channels_first(
                found.reshape(len(some), -1, channels), current[start : start + step]
            )
        return current.reshape(len(rows), -1)

    def weights(self) -> np.ndarray:
        """Read back by multiplying unit vectors."""
        shape = self.linear.weight.shape
        return self.multiply(np.eye(self.linear.weight[0].size, dtype=np.uint8)).T.reshape(shape)


def _convolution(linear: Conv2d, largest: int) -> FloatConvolution | PatchProduct | None:
    """The fastest exact way to compute all of a convolution; None if there is none."""
    if convolves_exactly(linear, largest):
        try:
            return FloatConvolution(linear)
        except ImportError:
            pass
    return PatchProduct(linear, largest) if linear.groups == 1 else None


def geometry(linear: Conv2d) -> np.ndarray:
    """Shapes and steps of a convolution, as `conv_kernels` takes them."""
    shapes = (*linear.input_shape, *linear.output_shape)
    return np.array([*shapes, *linear.stride, *linear.padding, *linear.dilation])
