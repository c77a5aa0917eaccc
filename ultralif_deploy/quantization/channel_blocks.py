"""Weights of all maps into a population as rows that share a scale.

Without convolutions into the population, each neuron has a row. A kernel is shared by all neurons
of its output channel, so with convolutions each channel has a row. Then a kernel stays as it is, a
matrix puts the rows of a channel side by side, and an identity becomes a 1 × 1 kernel.
"""

from dataclasses import dataclass, replace

import numpy as np

from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import AnyMap, Dense, LinearMap


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The weights of one map.

    Attributes:
        rows: float64 [row, weight].
        conv: the convolution with these weights as its kernel, or None.
        shape: shape [target, source] of the matrix with these weights, or None.
    """

    rows: np.ndarray
    conv: Conv2d | None
    shape: tuple[int, int] | None

    def inputs(self, signal: np.ndarray) -> np.ndarray | None:
        """Factors of the weights, [n, weight], from signals [n, source]; None if rows differ.

        A convolution has an entry for each output position.
        """
        if self.conv is not None:
            if self.conv.groups > 1:
                return None
            return self.conv.patches(signal)[:, 0].reshape(-1, self.rows.shape[1])
        return signal if self.shape == self.rows.shape else None

    def restored(self, q: np.ndarray) -> LinearMap:
        """The map with its weights replaced by the integers [row, weight]."""
        if self.conv is not None:
            return replace(self.conv, weight=q.reshape(self.conv.weight.shape))
        assert self.shape is not None
        return Dense(np.ascontiguousarray(q.reshape(self.shape)))


def channel_blocks(maps: list[AnyMap]) -> list[Block]:
    """One block for each of the maps into a population, all with the same rows."""
    shapes = [m.output_shape for m in maps if isinstance(m, Conv2d)]
    channels, positions = maps[0].target_size, 1
    if shapes:
        channels, positions = shapes[0][0], int(np.prod(shapes[0][1:]))
    blocks = []
    for linear in maps:
        if isinstance(linear, Conv2d):
            blocks.append(Block(linear.weight.reshape(channels, -1), linear, None))
        elif isinstance(linear, Dense):
            rows = linear.weight.reshape(channels, -1)
            blocks.append(Block(rows, None, linear.weight.shape))
        elif positions > 1:
            kernel = np.ones((channels, 1, 1, 1))
            unit = Conv2d(kernel, shapes[0], groups=channels)
            blocks.append(Block(kernel.reshape(channels, 1), unit, None))
        else:
            size = linear.target_size
            blocks.append(Block(np.eye(size), None, (size, size)))
    return blocks
