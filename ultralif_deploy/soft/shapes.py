"""Determine the architecture from the keys and shapes of a state dict."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from ultralif_deploy.errors import UltralifError

MAX_SIDE = 1024
DEFAULT_SIDE = 32


@dataclass(frozen=True, slots=True)
class Shapes:
    """The part of an `Architecture` that the file determines.

    Attributes:
        widths: neurons per layer, input first; for convolutional networks, inputs and classes.
        channels: channels of every convolution's output, input first; empty if fully connected.
        side: side of the smallest images that fit a ConvSNN; 0 if images of any size fit.
        residual: whether it has residual blocks.
    """

    widths: tuple[int, ...]
    channels: tuple[int, ...] = ()
    side: int = 0
    residual: bool = False

    @property
    def hidden(self) -> tuple[int, ...]:
        """Neurons per hidden layer."""
        return self.widths[1:-1]

    def on_images(self, side: int) -> "Shapes":
        """The same for images of this height and width."""
        return replace(self, side=side, widths=(self.channels[0] * side * side, self.widths[-1]))


def shapes(path: Path, state: Mapping[str, Tensor]) -> Shapes:
    """Determine widths, channels and image side from a state dict.

    Raises:
        UltralifError: the keys or shapes do not match a known network.
    """
    if "stem_conv.weight" in state:
        return _residual(path, state)
    if "conv1.weight" in state:
        return _convolutional(path, state)
    return Shapes(_widths(path, state))


def choose_side(path: Path, found: Shapes, option: int | None, seen: int | None) -> tuple[int, str]:
    """Height and width of the images (one number), and its origin.

    Args:
        path: path of the file, for errors.
        found: shapes found in a file with a convolutional network.
        option: the side that the user gave.
        seen: the side of the images in the data.

    Raises:
        UltralifError: the side does not fit the shapes in the file.
    """
    smallest = found.side
    given = option if option is not None else seen
    origin = "option" if option is not None else "data"
    if not smallest:
        side, origin = (given, origin) if given is not None else (DEFAULT_SIDE, "default")
        if not 1 <= side <= MAX_SIDE:
            raise UltralifError(f"{path}: image side {side}; expected 1 to {MAX_SIDE}")
        return side, origin
    steps = 2 ** (len(found.channels) - 1)
    if given is None:
        return smallest, "checkpoint"
    if given // steps != smallest // steps:
        raise UltralifError(
            f"{path}: fc.weight belongs to images of {smallest} to {smallest + steps - 1} pixels a "
            f"side, found {given} ({origin})"
        )
    return given, origin


def _convolutional(path: Path, state: Mapping[str, Tensor]) -> Shapes:
    count = _count(path, state, r"conv(\d{1,3})\.weight$")
    kernels = [_kernel(path, state, f"conv{i}.weight", 3) for i in range(1, count + 1)]
    channels = _chain(path, kernels)
    fc = _matrix(path, state, "fc.weight")
    area, rest = divmod(fc[1], channels[-1])
    side = math.isqrt(area)
    if rest or side * side != area or side < 1 or (side << count) > MAX_SIDE:
        raise UltralifError(
            f"{path}: fc.weight takes {fc[1]} inputs; expected {channels[-1]} times a square image"
        )
    side <<= count
    inputs = channels[0] * side * side
    return Shapes((inputs, fc[0]), channels, side)


def _residual(path: Path, state: Mapping[str, Tensor]) -> Shapes:
    count = _count(path, state, r"blocks\.(\d{1,3})\.conv1\.weight$", first=0)
    kernels = [_kernel(path, state, "stem_conv.weight", 3)]
    for i in range(count):
        kernels.append(_kernel(path, state, f"blocks.{i}.conv1.weight", 3))
        outer = kernels[-1][0]
        if _kernel(path, state, f"blocks.{i}.conv2.weight", 3) != (outer, outer):
            raise UltralifError(f"{path}: blocks.{i}.conv2.weight does not keep {outer} channels")
        if (f"blocks.{i}.shortcut.0.weight" in state) != (kernels[-1][0] != kernels[-1][1]):
            raise UltralifError(
                f"{path}: blocks.{i}: expected a shortcut exactly where the channels change"
            )
    channels = _chain(path, kernels)
    fc = _matrix(path, state, "fc.weight")
    if fc[1] != channels[-1]:
        raise UltralifError(
            f"{path}: fc.weight takes {fc[1]} inputs; expected the {channels[-1]} channels of the "
            "last block"
        )
    return Shapes((0, fc[0]), channels, residual=True)


def _count(path: Path, state: Mapping[str, Tensor], pattern: str, first: int = 1) -> int:
    """Number of layers; they are numbered from `first` without a gap."""
    numbers = sorted(int(m[1]) for m in map(re.compile(pattern).match, state) if m)
    if not numbers or numbers != list(range(first, first + len(numbers))):
        raise UltralifError(
            f"{path}: layers {numbers} of {pattern!r}; expected them from {first} without a gap"
        )
    return len(numbers)


def _kernel(path: Path, state: Mapping[str, Tensor], key: str, size: int) -> tuple[int, int]:
    """Output and input channels of a square kernel."""
    weight = state.get(key)
    if weight is None or weight.ndim != 4 or tuple(weight.shape[2:]) != (size, size):
        found = "nothing" if weight is None else str(tuple(weight.shape))
        raise UltralifError(f"{path}: {key}: found {found}; expected [out, in, {size}, {size}]")
    if 0 in weight.shape:
        raise UltralifError(f"{path}: {key} is empty")
    return weight.shape[0], weight.shape[1]


def _chain(path: Path, kernels: list[tuple[int, int]]) -> tuple[int, ...]:
    """Channels from input to output through consecutive kernels (out, in)."""
    for (before, _), (_, after) in pairwise(kernels):
        if before != after:
            raise UltralifError(
                f"{path}: a convolution gives {before} channels, and the next one takes {after}"
            )
    return (kernels[0][1], *(out for out, _ in kernels))


def _matrix(path: Path, state: Mapping[str, Tensor], key: str) -> tuple[int, int]:
    weight = state.get(key)
    if weight is None or weight.ndim != 2 or 0 in weight.shape:
        found = "nothing" if weight is None else str(tuple(weight.shape))
        raise UltralifError(f"{path}: {key}: found {found}; expected [out, in]")
    return weight.shape[0], weight.shape[1]


def _widths(path: Path, state: Mapping[str, Tensor]) -> tuple[int, ...]:
    layers = sorted(int(m[1]) for m in map(re.compile(r"fc(\d{1,3})\.weight$").match, state) if m)
    if layers != list(range(1, len(layers) + 1)) or len(layers) < 2:
        found = ", ".join(sorted(state)[:6])
        raise UltralifError(
            f"{path}: keys {found} … make no known network; expected fc1.weight, fc1.bias, "
            "neuron._log_eps, fc2.weight, … of SNN, DeepSNN or TripleSNN, conv1.weight, … "
            "fc.weight, or stem_conv.weight, …"
        )
    widths: list[int] = []
    for layer in layers:
        weight = state[f"fc{layer}.weight"]
        if weight.ndim != 2 or 0 in weight.shape:
            raise UltralifError(
                f"{path}: fc{layer}.weight has shape {tuple(weight.shape)}; expected [out, in]"
            )
        if widths and widths[-1] != weight.shape[1]:
            raise UltralifError(
                f"{path}: fc{layer}.weight takes {weight.shape[1]} inputs, but fc{layer - 1} has "
                f"{widths[-1]} outputs"
            )
        widths = widths or [weight.shape[1]]
        widths.append(weight.shape[0])
    return tuple(widths)
