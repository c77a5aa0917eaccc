"""Two-dimensional convolution as a linear map between flattened maps of channels.

y[o, i, j] = Σ_{c, a, b} w[o, c, a, b] · x[g(o) + c, i·s + a·d − p, j·s + b·d − p], zero outside
the input. Stride s, dilation d and padding p are given per axis, and g(o) is the first channel of
o's group.
Neurons are numbered channel first: (c, y, x) ↦ (c·H + y)·W + x, as NIR and torch flatten.
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_memory

PATCH_VALUES = 1 << 24
"""Patch values held at once when a convolution is applied: 128 MiB of float64."""

PATCH_VALUE_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d:
    """Convolution (cross-correlation, as in torch and NIR).

    Attributes:
        weight: [output channel, input channel / groups, kernel height, kernel width]; float64 in
            a network, int8 in a program.
        input_shape: channels, height, width.
        stride, padding, dilation: per axis (height, width).
        groups: number of groups of channels.

    Raises:
        UltralifError: shapes do not fit, or the output is empty.
    """

    weight: np.ndarray
    input_shape: tuple[int, int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        shape = np.shape(self.weight)
        channels = self.input_shape[0]
        whole = (*self.input_shape, *self.stride, *self.dilation, self.groups)
        if len(shape) != 4 or min((*shape, *whole)) < 1 or min(self.padding) < 0:
            raise UltralifError(
                f"convolution: weight {shape}, input {self.input_shape}, stride {self.stride}, "
                f"padding {self.padding}, dilation {self.dilation}, groups {self.groups}; "
                "expected a weight of four axes and whole numbers of at least 1 (padding 0)"
            )
        if channels % self.groups or shape[0] % self.groups or shape[1] * self.groups != channels:
            raise UltralifError(
                f"convolution: weight {shape} with {self.groups} groups; expected "
                f"[out, {channels}/groups, height, width] for {channels} channels"
            )
        if min(self.output_shape) < 1:
            raise UltralifError(
                f"convolution: kernel {shape[2:]} does not fit an input of {self.input_shape[1:]}"
            )
        check_memory(
            f"convolution: kernel {shape[2:]} at {self.output_shape[1:]} positions",
            PATCH_VALUE_BYTES * self._patch_values,
        )

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        height, width = (
            (self.input_shape[1 + axis] + 2 * self.padding[axis] - self._extent(axis))
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return self.weight.shape[0], height, width

    @property
    def source_size(self) -> int:
        """Neurons that it reads."""
        return int(np.prod(self.input_shape))

    @property
    def target_size(self) -> int:
        """Neurons that it drives."""
        return int(np.prod(self.output_shape))

    def apply(self, signal: np.ndarray) -> np.ndarray:
        """Map [..., source] to [..., target], in the arithmetic of weight and signal."""
        flat = signal.reshape(-1, self.source_size)
        out = np.empty((len(flat), self.target_size), np.result_type(signal, self.weight))
        step = max(1, PATCH_VALUES // self._patch_values)
        rows = self.weight.reshape(self.groups, -1, self.weight[0].size)
        for start in range(0, len(flat), step):
            patches = self.patches(flat[start : start + step])
            values = patches @ rows.transpose(0, 2, 1)[None]  # [row, group, position, channel]
            out[start : start + step] = values.transpose(0, 1, 3, 2).reshape(len(patches), -1)
        return out.reshape(*signal.shape[:-1], self.target_size)

    def patches(self, signal: np.ndarray) -> np.ndarray:
        """Inputs under the kernel at each output position, of rows [row, source].

        The result has the shape [row, group, position, weight].
        """
        channels, height, width = self.input_shape
        (top, left), kernel = self.padding, self.kernel
        image = signal.reshape(-1, channels, height, width)
        image = np.pad(image, ((0, 0), (0, 0), (top, top), (left, left)))
        windows = sliding_window_view(image, (self._extent(0), self._extent(1)), axis=(2, 3))
        windows = windows[
            :, :, :: self.stride[0], :: self.stride[1], :: self.dilation[0], :: self.dilation[1]
        ]
        _, rows, columns = self.output_shape
        shape = (len(image), self.groups, channels // self.groups, rows, columns, *kernel)
        grouped = windows.reshape(shape).transpose(0, 1, 3, 4, 2, 5, 6)
        return grouped.reshape(len(image), self.groups, rows * columns, -1)

    def apply_transposed(self, signal: np.ndarray) -> np.ndarray:
        """Map [row, target] to [row, source] by the transposed matrix."""
        channels, height, width = self.input_shape
        (top, left), (_, rows, columns) = self.padding, self.output_shape
        image = np.zeros(
            (len(signal), self.groups, channels // self.groups, height + 2 * top, width + 2 * left),
            np.result_type(signal, self.weight),
        )
        sent = signal.reshape(len(signal), self.groups, -1, rows, columns)
        weight = self.weight.reshape(self.groups, -1, channels // self.groups, *self.kernel)
        for a, b in product(*map(self._met, (0, 1))):
            y, x = a * self.dilation[0], b * self.dilation[1]
            reached = image[
                ...,
                y : y + self.stride[0] * (rows - 1) + 1 : self.stride[0],
                x : x + self.stride[1] * (columns - 1) + 1 : self.stride[1],
            ]
            reached += np.einsum("ngoyx,goc->ngcyx", sent, weight[..., a, b])
        inner = image[..., top : top + height, left : left + width]
        return inner.reshape(len(signal), self.source_size)

    def matrix(self) -> np.ndarray:
        """The map as a dense matrix [target, source]; for small maps."""
        return self.apply(np.eye(self.source_size, dtype=self.weight.dtype)).T

    def fan_out(self) -> np.ndarray:
        """Number of non-zero weights of each source neuron, exact at borders, int64 [source]."""
        mask = Conv2d(
            (self.weight != 0).astype(np.int64),
            self.input_shape,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )
        return mask.apply_transposed(np.ones((1, self.target_size), dtype=np.int64))[0]

    def per_neuron(self, channels: np.ndarray) -> np.ndarray:
        """Repeat one value per output channel for all neurons of the channel, [target]."""
        return np.repeat(channels, int(np.prod(self.output_shape[1:])))

    @property
    def _patch_values(self) -> int:
        """Inputs under the kernel at all output positions together."""
        _, *positions = self.output_shape
        return math.prod((*self.weight.shape[1:], self.groups, *positions))

    def _met(self, axis: int) -> list[int]:
        """Rows or columns of the kernel that meet an input, and not padding alone."""
        first = np.arange(self.kernel[axis]) * self.dilation[axis] - self.padding[axis]
        last = first + (self.output_shape[1 + axis] - 1) * self.stride[axis]
        met: list[int] = np.flatnonzero((last >= 0) & (first < self.input_shape[1 + axis])).tolist()
        return met

    def _extent(self, axis: int) -> int:
        """Inputs from the first to the last tap of the kernel, both included."""
        return int(self.dilation[axis] * (self.weight.shape[2 + axis] - 1) + 1)


def average_pool(
    input_shape: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int]
) -> Conv2d:
    """Average pooling without padding: a depthwise convolution with weights 1/(kh·kw).

    Args:
        input_shape: (channels, height, width).
        kernel: (kh, kw), the height and width of a window.
        stride: distance from one window to the next, down and across.
    """
    weight = np.full((input_shape[0], 1, *kernel), 1.0 / (kernel[0] * kernel[1]))
    return Conv2d(weight, input_shape, stride, groups=input_shape[0])
