"""Where the neurons of each layer of a chain lie in memory, and the weights in that order.

A layer is a row of bytes, a multiple of LANES long. In front of a convolution the row is an image
[height, width, channel] with the zeros that pad it, so that a product reads it in place. Channels
are padded to whole vectors. Bytes that belong to no neuron stay 0.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ultralif_deploy.program.graph import AnyMap, Conv2d, Dense
from ultralif_deploy.simulators.fast.product_tiles import QUAD, packed, unpacked
from ultralif_deploy.simulators.native.vectors import LANES, WORD_LANES


@dataclass(frozen=True, slots=True)
class Layout:
    """Order of a layer's neurons.

    Attributes:
        where: int64 [neuron], index of each in the row.
        width: length of the row.
        channels: channels that lie beside each other in an image, padding included; 0 otherwise.
        line: length of an image's line.
    """

    where: np.ndarray
    width: int
    channels: int = 0
    line: int = 0

    @property
    def plain(self) -> bool:
        """Whether the neurons lie in their own order, with padding behind them alone."""
        return bool(np.array_equal(self.where, np.arange(len(self.where))))


def whole(count: int, lanes: int) -> int:
    """The count rounded up to whole vectors."""
    return -(-count // lanes) * lanes


def layout(size: int, made_by: AnyMap | None, read_by: AnyMap) -> Layout:
    """The order of a layer's neurons.

    Args:
        size: number of neurons.
        made_by: map that drives them; None for the inputs.
        read_by: map that they drive.
    """
    images = [m for m in (made_by, read_by) if isinstance(m, Conv2d)]
    if not images:
        return Layout(np.arange(size), whole(size, LANES))
    shape = made_by.output_shape if isinstance(made_by, Conv2d) else images[0].input_shape
    top, left = read_by.padding if isinstance(read_by, Conv2d) else (0, 0)
    channels = shape[0] if made_by is None else whole(shape[0], WORD_LANES)
    c, y, x = (axis.reshape(-1) for axis in np.indices(shape))
    line = (shape[2] + 2 * left) * channels
    where = (y + top) * line + (x + left) * channels + c
    return Layout(where, whole((shape[1] + 2 * top) * line, LANES), channels, line)


def chained(maps: list[AnyMap]) -> bool:
    """Whether such maps, one after the other, have layouts."""
    *hidden, last = maps
    images = [m for m in hidden if isinstance(m, Conv2d)]
    if not isinstance(last, Dense) or not all(isinstance(m, Dense | Conv2d) for m in hidden):
        return False
    pairs = pairwise(hidden)
    return all(m.groups == 1 for m in images) and all(
        a.output_shape == b.input_shape
        for a, b in pairs
        if isinstance(a, Conv2d) and isinstance(b, Conv2d)
    )


@dataclass(frozen=True, slots=True)
class Product:
    """A map as `product_tiles.multiply` takes it, between rows of two layouts.

    Attributes:
        places: int64 [place].
        targets: int64 [place].
        distances: int64 [quad].
        weights: int8, one axis.
        neurons: number of neurons at a place, in whole vectors.
    """

    places: np.ndarray
    targets: np.ndarray
    distances: np.ndarray
    weights: np.ndarray
    neurons: int


def placed(linear: Dense, source: Layout, target: Layout) -> np.ndarray:
    """The weights int8 [target row, source row] between all bytes of two rows.

    Args:
        linear: weight matrix.
        source: order of the neurons that it reads.
        target: order of the neurons that it drives.
    """
    found = np.zeros((target.width, source.width), dtype=np.int8)
    found[target.where[:, None], source.where] = linear.weight
    return found


def product(linear: AnyMap, source: Layout, target: Layout) -> Product:
    """A dense map or a convolution between two layouts.

    Args:
        linear: the map.
        source: order of the neurons that it reads.
        target: order of the neurons that it drives.
    """
    if isinstance(linear, Dense):
        start = np.zeros(1, dtype=np.int64)
        weights = packed(placed(linear, source, target))
        return Product(start, start, np.arange(0, source.width, QUAD), weights, target.width)
    assert isinstance(linear, Conv2d)
    taps, distances = _segments(linear, source)
    count = len(linear.weight)
    kernel = np.zeros((whole(count, WORD_LANES), distances.size * QUAD), dtype=np.int8)
    kernel[:count, taps] = linear.weight.transpose(0, 2, 3, 1).reshape(count, -1)
    _, rows, columns = linear.output_shape
    i, j = (axis.reshape(-1) for axis in np.indices((rows, columns)))
    down, right = linear.stride
    places = i * down * source.line + j * right * source.channels
    targets = target.where[: rows * columns]  # those of the first channel
    return Product(places, targets, distances, packed(kernel), len(kernel))


def held(linear: AnyMap, source: Layout, target: Layout, found: Product) -> np.ndarray:
    """The weights of a product as the map has them, int8.

    Args:
        linear: map from which the product was made.
        source: order of the neurons that it reads.
        target: order of the neurons that it drives.
        found: the product.
    """
    rows = unpacked(found.weights, found.neurons)
    if isinstance(linear, Dense):
        return rows[target.where[:, None], source.where]
    assert isinstance(linear, Conv2d)
    taps, _ = _segments(linear, source)
    count, inner, tall, wide = linear.weight.shape
    return rows[:count, taps].reshape(count, tall, wide, inner).transpose(0, 3, 1, 2)


def _segments(linear: Conv2d, source: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Index among the quads' bytes of each weight [row, column, channel], and the quads' distances.

    Adjacent bytes that a kernel reads share quads.
    """
    _, inner, tall, wide = linear.weight.shape
    down, right = linear.dilation
    joined = right == 1 and source.channels == inner
    parts, length = (1, wide * inner) if joined else (wide, inner)
    starts = np.add.outer(
        np.arange(tall) * down * source.line, np.arange(parts) * right * source.channels
    ).reshape(-1)
    inside = np.arange(0, whole(length, QUAD), QUAD)
    taps = np.add.outer(np.arange(len(starts)) * len(inside) * QUAD, np.arange(length))
    return taps.reshape(-1), np.add.outer(starts, inside).reshape(-1)
