"""Currents of projections as matrix products of floats that hold every integer sum.

A weight times a value that is sent takes 16 bits, and a program proves a bound for the sum of all
magnitudes into a neuron. Below 2^24 float32 holds every partial sum, and float64 holds those of
every program, which stay below 2^31. So products are exact in whatever order a library adds, if it
multiplies and adds in that precision, which `whole_precision` asks for. Convolutions are written as
matrix products of patches, because libraries compute convolutions by Winograd's method or by
Fourier transforms too, which round.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import unfold

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT
from ultralif_deploy.program.graph import AnyMap, Conv2d, Dense

PATCH_BYTES = 1 << 27
"""Bytes of the patches of a convolution that are held at once."""


class Product(Protocol):
    """A linear map whose weights lie on a device."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Sums [row, target] of values uint8 [row, source], whole numbers in floats."""

    def weights(self) -> np.ndarray | None:
        """The weights read back, int64 in the shape of the map; None of a map without weights."""


def kind_for(bound: int) -> torch.dtype:
    """The narrowest float that holds every integer of at most this magnitude.

    Args:
        bound: of the sums of magnitudes.
    """
    return torch.float32 if bound < FLOAT32_EXACT else torch.float64


def product(linear: AnyMap, kind: torch.dtype, device: torch.device) -> Product:
    """Lay a map out on a device.

    Args:
        linear: map of a program.
        kind: `kind_for` the bound of the target's currents.
        device: where it is computed.
    """
    if isinstance(linear, Conv2d):
        return OfPatches(linear, kind, device)
    if isinstance(linear, Dense):
        return OfRows(linear, kind, device)
    return Unchanged(kind)


class Unchanged:
    """The identity."""

    def __init__(self, kind: torch.dtype) -> None:
        self.kind = kind

    def __call__(self, rows: Tensor) -> Tensor:
        """The same values as floats."""
        return rows.to(self.kind)

    def weights(self) -> None:
        """It has none."""


class OfRows:
    """A dense map."""

    def __init__(self, linear: Dense, kind: torch.dtype, device: torch.device) -> None:
        self.weight = torch.tensor(linear.weight.T).to(device, kind)

    def __call__(self, rows: Tensor) -> Tensor:
        """Sums of weights times values."""
        return rows.to(self.weight.dtype) @ self.weight

    def weights(self) -> np.ndarray:
        """[target, source]."""
        return whole_numbers(self.weight).T


class OfPatches:
    """A convolution: each group of channels is a dense map of the values under the kernel."""

    def __init__(self, linear: Conv2d, kind: torch.dtype, device: torch.device) -> None:
        self.linear = linear
        # [group, weight, output channel of the group]
        rows = linear.weight.reshape(linear.groups, -1, linear.weight[0].size)
        self.weight = torch.tensor(rows.transpose(0, 2, 1)).to(device, kind)

    def __call__(self, rows: Tensor) -> Tensor:
        """Sums of weights times values, a few rows at once."""
        groups, inside, _ = self.weight.shape
        _, tall, wide = self.linear.output_shape
        patch_bytes = self.weight.element_size() * groups * inside * tall * wide
        step = max(1, PATCH_BYTES // patch_bytes)
        return torch.cat([self._few(few) for few in rows.split(step)])

    def _few(self, rows: Tensor) -> Tensor:
        linear, (groups, inside, outer) = self.linear, self.weight.shape
        places = math.prod(linear.output_shape[1:])
        images = rows.to(self.weight.dtype).view(-1, *linear.input_shape)
        patches = unfold(images, linear.kernel, linear.dilation, linear.padding, linear.stride)
        patches = patches.view(len(rows), groups, inside, places).permute(1, 0, 3, 2)
        sums = patches.reshape(groups, len(rows) * places, inside) @ self.weight
        sums = sums.view(groups, len(rows), places, outer).permute(1, 0, 3, 2)
        return sums.reshape(len(rows), linear.target_size)

    def weights(self) -> np.ndarray:
        """[output channel, input channel / groups, height, width]."""
        stored = whole_numbers(self.weight).transpose(0, 2, 1)
        return stored.reshape(self.linear.weight.shape)


def whole_numbers(values: Tensor) -> np.ndarray:
    """A tensor of whole numbers as int64 on the CPU."""
    found: np.ndarray = values.long().cpu().numpy()
    return found


@contextmanager
def whole_precision() -> Iterator[None]:
    """Products of float32 keep all of its bits, as they may not where a user allowed TF32 or bf16.

    Raises:
        UltralifError: the precision was set by torch's newer names, beside which torch does not
            let the older ones be read.
    """
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError as error:
        raise UltralifError(
            "torch: the precision of float32 products was set by fp32_precision; expected "
            "torch.set_float32_matmul_precision, which can be set and put back for exact products"
        ) from error
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
