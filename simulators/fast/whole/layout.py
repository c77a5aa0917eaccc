"""Where the neurons of each population lie in memory, and the weights in that order.

A population is a row of bytes, a multiple of LANES long. Beside convolutions the row is an image
[height, width, channel] with the zeros that pad it, so that a product reads it in place. Channels
are padded to whole vectors. Bytes that belong to no neuron stay 0.
"""

from dataclasses import dataclass, replace

import numpy as np

from ultralif_deploy.program.graph import INPUT, AnyMap, Conv2d, Dense
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.fast.product_tiles import QUAD, packed, unpacked
from ultralif_deploy.simulators.native.vectors import LANES, WORD_LANES

MOST_FILLED = 1 << 20
"""Most weights of a convolution with groups, whose groups are filled up with zeros."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Order of the neurons of a population.

    Attributes:
        where: int64 [neuron], index of each in the row.
        width: length of the row.
        channels: channels that lie beside each other in an image, padding included; 0 otherwise.
        line: length of an image's line.
        top: lines of zeros above an image.
        left: pixels of zeros at the left of an image.
    """

    where: np.ndarray
    width: int
    channels: int = 0
    line: int = 0
    top: int = 0
    left: int = 0

    @property
    def plain(self) -> bool:
        """Whether the neurons lie in their own order, with padding behind them alone."""
        return bool(np.array_equal(self.where, np.arange(len(self.where))))


def whole(count: int, lanes: int) -> int:
    """The count rounded up to whole vectors."""
    return -(-count // lanes) * lanes


def row(size: int) -> Layout:
    """Neurons in their own order."""
    return Layout(np.arange(size), whole(size, LANES))


def layouts(program: Program) -> dict[str, Layout] | None:
    """The order of the inputs and of each population, by name.

    None is returned where convolutions see one population as images of several shapes, or where
    their groups take too much space.
    """
    made: dict[str, Layout] = {}
    sizes = {INPUT: program.input.size} | {p.name: p.size for p in program.populations}
    images = [p for p in program.projections if isinstance(p.map, Conv2d)]
    for name, size in sizes.items():
        reading = [p.map for p in images if p.source == name and isinstance(p.map, Conv2d)]
        into = [p.map for p in images if p.target == name and isinstance(p.map, Conv2d)]
        shapes = {m.input_shape for m in reading} | {m.output_shape for m in into}
        if len(shapes) > 1 or any(_filled_size(m) > MOST_FILLED for m in reading if m.groups > 1):
            return None
        if not shapes:
            made[name] = row(size)
            continue
        (shape,) = shapes
        top, left = (max((m.padding[axis] for m in reading), default=0) for axis in (0, 1))
        channels = shape[0] if name == INPUT else whole(shape[0], WORD_LANES)
        c, y, x = (axis.reshape(-1) for axis in np.indices(shape))
        line = (shape[2] + 2 * left) * channels
        where = (y + top) * line + (x + left) * channels + c
        width = whole((shape[1] + 2 * top) * line, LANES)
        made[name] = Layout(where, width, channels, line, top, left)
    return made


def _filled_size(linear: Conv2d) -> int:
    return int(linear.weight.size) * linear.groups


def filled(linear: Conv2d) -> Conv2d:
    """The same convolution without groups: weights between groups are 0."""
    if linear.groups == 1:
        return linear
    count, inner, *kernel = linear.weight.shape
    each = count // linear.groups
    weight = np.zeros((count, inner * linear.groups, *kernel), dtype=linear.weight.dtype)
    for group in range(linear.groups):
        rows = slice(group * each, (group + 1) * each)
        weight[rows, group * inner : (group + 1) * inner] = linear.weight[rows]
    return replace(linear, weight=weight, groups=1)


def _inside(linear: Conv2d, weight: np.ndarray) -> np.ndarray:
    """The inverse of `filled` for weights int8; all are −1 if one between groups is not 0."""
    count, inner, *_ = linear.weight.shape
    each = count // linear.groups
    found = np.stack([weight[o, o // each * inner : (o // each + 1) * inner] for o in range(count)])
    outside = np.count_nonzero(weight) - np.count_nonzero(found)
    return found if outside == 0 else np.full_like(found, -1)


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
    linear = filled(linear)
    taps, distances = _segments(linear, source)
    count = len(linear.weight)
    kernel = np.zeros((whole(count, WORD_LANES), distances.size * QUAD), dtype=np.int8)
    kernel[:count, taps] = linear.weight.transpose(0, 2, 3, 1).reshape(count, -1)
    _, rows, columns = linear.output_shape
    i, j = (axis.reshape(-1) for axis in np.indices((rows, columns)))
    down, right = linear.stride
    above, before = source.top - linear.padding[0], source.left - linear.padding[1]
    places = (i * down + above) * source.line + (j * right + before) * source.channels
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
    whole_kernel = filled(linear)
    taps, _ = _segments(whole_kernel, source)
    count, inner, tall, wide = whole_kernel.weight.shape
    weight = rows[:count, taps].reshape(count, tall, wide, inner).transpose(0, 3, 1, 2)
    return _inside(linear, weight)


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
