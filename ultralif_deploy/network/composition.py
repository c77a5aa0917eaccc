"""Sequences of linear maps, as in float networks, and their product as one map.

Batch norm is a `Diagonal` after the weights; average pooling is a depthwise convolution.
"""

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import AnyMap, Dense, Identity, LinearMap

DENSE_LIMIT = 1 << 26
"""Weights of the largest matrix that a product of other maps may become."""


@dataclass(frozen=True, slots=True, eq=False)
class Diagonal:
    """Linear map y = w ⊙ x. weight: float64 [neuron]."""

    weight: np.ndarray

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""
        return len(self.weight)

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""
        return len(self.weight)

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., neuron]."""
        return signal * self.weight

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix."""
        return np.diag(self.weight)

    def fan_out(self) -> np.ndarray:
        """Non-zero weights of each source neuron, int64 [source]."""
        return (self.weight != 0).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """Linear maps that are applied one after the other.

    Raises:
        UltralifError: there is no map, or the size of one does not fit the next.
    """

    parts: tuple[AnyMap, ...]

    def __post_init__(self) -> None:
        sizes = [(p.source_size, p.target_size) for p in self.parts]
        if not sizes or any(a[1] != b[0] for a, b in pairwise(sizes)):
            raise UltralifError(f"linear maps of sizes {sizes} do not follow each other")

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""
        return self.parts[0].source_size

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""
        return self.parts[-1].target_size

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., source] to [..., target], part by part."""
        return reduce(lambda x, part: part.apply(x), self.parts, signal)

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix [target, source]."""
        return self.apply(np.eye(self.source_size)).T

    def fan_out(self) -> np.ndarray:
        """Targets that each source neuron reaches, int64 [source]."""
        return np.count_nonzero(self.matrix(), axis=0)

    def product(self) -> LinearMap:
        """One map that computes the same: an identity, an exact convolution, or else a matrix.

        Raises:
            UltralifError: only a matrix computes the same, and it would be too large.
        """
        single = reduce(_after, self.parts)
        if isinstance(single, Composed):
            return single.product()
        if isinstance(single, Diagonal):
            return _weighted(single)
        assert isinstance(single, (Dense, Identity, Conv2d))
        return single


def _after(first: AnyMap, second: AnyMap) -> AnyMap:
    """One map that applies `first` and then `second`."""
    if isinstance(first, Identity):
        return second
    if isinstance(second, Identity):
        return first
    if isinstance(first, Diagonal) and isinstance(second, Diagonal):
        return Diagonal(first.weight * second.weight)
    if isinstance(second, Diagonal):
        if isinstance(first, Dense):
            return Dense(second.weight[:, None] * first.weight)
        if (
            isinstance(first, Conv2d)
            and (gain := _by_channel(second, len(first.weight))) is not None
        ):
            return replace(first, weight=gain[:, None, None, None] * first.weight)
    if isinstance(first, Diagonal):
        if isinstance(second, Dense):
            return Dense(second.weight * first.weight)
        if isinstance(second, Conv2d):
            gain = _by_channel(first, second.input_shape[0])
            if gain is not None:
                read = gain.reshape(second.groups, -1).repeat(
                    len(second.weight) // second.groups, axis=0
                )
                return replace(second, weight=second.weight * read[:, :, None, None])
    if isinstance(first, Conv2d) and isinstance(second, Conv2d):
        if first.output_shape != second.input_shape and (single := _factors(first)) is not None:
            return _after(single, second)
        joined = _convolutions(first, second)
        if joined is not None:
            return joined
    if first.source_size * second.target_size > DENSE_LIMIT:
        raise UltralifError(
            f"{_words(first)} followed by {_words(second)} is no convolution, and as a matrix it "
            f"would have {first.source_size * second.target_size} weights, more than {DENSE_LIMIT};"
            " put neurons between them, or use a smaller layer"
        )
    if isinstance(first, Conv2d) and isinstance(second, Dense):
        return Dense(first.apply_transposed(second.weight))
    return Dense(Composed((first, second)).matrix())


def _convolutions(first: Conv2d, second: Conv2d) -> Conv2d | None:
    """Two convolutions as one, or None where this is not exact at the borders.

    Proof: y = Σ_{a} w2[a] · h[i·s2 + a·d2 − p2] with h[j] = Σ_{c} w1[c] · x[j·s1 + c·d1 − p1]
    reads x[i·s1·s2 + (a·d2·s1 + c·d1) − (p1 + p2·s1)]: a convolution of stride s1·s2 and padding
    p1 + p2·s1 whose kernel holds w2[a]·w1[c] at tap a·d2·s1 + c·d1. This is
    exact only if h is 0 outside its map, as the second convolution assumes. Without p2 nothing
    outside is read. With p2, the first convolution must read only zeros there: p1 = 0, its taps
    lie within one stride, and the stride divides the size of x.
    """
    if first.output_shape != second.input_shape:
        return None
    for axis in (0, 1):
        extent = first.dilation[axis] * (first.kernel[axis] - 1) + 1
        inside = first.padding[axis] == 0 and extent <= first.stride[axis]
        if second.padding[axis] and not (
            inside and first.input_shape[1 + axis] % first.stride[axis] == 0
        ):
            return None
    w1, w2 = first.weight, second.weight
    depthwise = second.groups == len(w1) == len(w2)
    if not depthwise:
        w1, w2 = _full(first), _full(second)
    steps = [second.dilation[axis] * first.stride[axis] for axis in (0, 1)]
    size = [
        (second.kernel[axis] - 1) * steps[axis]
        + first.dilation[axis] * (first.kernel[axis] - 1)
        + 1
        for axis in (0, 1)
    ]
    weight = np.zeros((len(w2), w1.shape[1], *size))
    for a in np.ndindex(*second.kernel):
        for c in np.ndindex(*first.kernel):
            y, x = (a[k] * steps[k] + c[k] * first.dilation[k] for k in (0, 1))
            here = w1[:, :, c[0], c[1]]
            tap = w2[:, :, a[0], a[1]]
            weight[:, :, y, x] += tap * here if depthwise else tap @ here
    joined = Conv2d(
        weight,
        first.input_shape,
        (first.stride[0] * second.stride[0], first.stride[1] * second.stride[1]),
        (
            first.padding[0] + second.padding[0] * first.stride[0],
            first.padding[1] + second.padding[1] * first.stride[1],
        ),
        groups=first.groups if depthwise else 1,
    )
    return joined if joined.output_shape == second.output_shape else None


def _full(conv: Conv2d) -> np.ndarray:
    """Weight without groups, [output channel, input channel, height, width]."""
    out, inner = conv.weight.shape[:2]
    weight = np.zeros((out, conv.input_shape[0], *conv.kernel))
    for group in range(conv.groups):
        rows = slice(group * out // conv.groups, (group + 1) * out // conv.groups)
        weight[rows, group * inner : (group + 1) * inner] = conv.weight[rows]
    return weight


def _by_channel(diagonal: Diagonal, channels: int) -> np.ndarray | None:
    """One value per channel if the diagonal is constant within each channel, else None."""
    values = diagonal.weight.reshape(channels, -1)
    return values[:, 0] if np.all(values == values[:, :1]) else None


def _weighted(diagonal: Diagonal) -> LinearMap:
    size = diagonal.source_size
    if np.all(diagonal.weight == 1.0):
        return Identity(size)
    return Conv2d(diagonal.weight.reshape(size, 1, 1, 1), (size, 1, 1), groups=size)


def _factors(conv: Conv2d) -> Diagonal | None:
    """The diagonal that `_weighted` made a convolution of; None for any other convolution."""
    size = conv.source_size
    plain = conv.input_shape == conv.output_shape == (size, 1, 1) and conv.groups == size
    return Diagonal(conv.weight.reshape(size)) if plain and conv.weight.size == size else None


def _words(linear: AnyMap) -> str:
    return f"{type(linear).__name__} of {linear.source_size} to {linear.target_size} neurons"
