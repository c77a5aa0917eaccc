"""Linear layers and functions of torch as NIR nodes; the reader of NIR turns these into maps."""

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.readers.nir.linear import Signal

LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool1d, nn.AvgPool2d, nn.LPPool2d, nn.Flatten)
"""Layers for which `layer_node` makes a node."""

INERT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
"""Layers that do nothing in evaluation."""


def numbers(value: Tensor) -> np.ndarray:
    """The values of a tensor, float64, in its shape."""
    array: np.ndarray = value.detach().cpu().double().numpy()
    return array


def spread_over(value: Tensor, signal: Signal, what: str) -> np.ndarray:
    """A parameter broadcast to the neurons of one sample, as torch does it, float64 [neuron].

    Args:
        value: the parameter.
        signal: the input of the neurons, whose shape is theirs.
        what: text that names the parameter, for errors.

    Raises:
        UltralifError: its shape does not fit the neurons.
    """
    given = numbers(value)
    try:
        whole = np.broadcast_to(given, (1, *signal.shape))
    except ValueError as error:
        raise UltralifError(
            f"{what}: shape {given.shape} on neurons of shape {signal.shape}; expected one value, "
            "one for each neuron, or fewer that torch spreads over the neurons alone"
        ) from error
    return per_neuron(whole.reshape(-1), whole.size, what)


def layer_node(name: str, layer: nn.Module, channels: int = 1) -> nir.NIRNode:
    """The NIR node of a layer of one of the types in `LINEAR`.

    Args:
        name: name of the layer, for errors.
        layer: the layer.
        channels: channels of its input, which a pool over one dimension needs.

    Raises:
        UltralifError: the layer has an option that no NIR node has; the message names it.
    """
    if isinstance(layer, nn.Linear):
        return _affine(layer.weight, layer.bias)
    if isinstance(layer, nn.AvgPool1d):
        if layer.ceil_mode or not (layer.count_include_pad or not np.any(layer.padding)):
            raise UltralifError(
                f"{name}: an AvgPool1d with ceil_mode or without count_include_pad; expected every "
                "window to have one size"
            )
        return window_sums(layer, channels, 1 / int(np.prod(layer.kernel_size)))
    if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        if layer.padding_mode != "zeros":
            raise UltralifError(f"{name}: padding mode {layer.padding_mode!r}; expected zeros")
        how = layer.stride, layer.padding, layer.dilation, layer.groups
        if isinstance(layer, nn.Conv1d):
            bias = np.zeros(len(layer.weight)) if layer.bias is None else numbers(layer.bias)
            return nir.Conv1d(None, numbers(layer.weight), *map(_single, how), bias)
        return _convolution(layer.weight, layer.bias, *how)
    if isinstance(layer, nn.AvgPool2d):
        inside = layer.count_include_pad or not np.any(layer.padding)
        if layer.ceil_mode or layer.divisor_override is not None or not inside:
            raise UltralifError(
                f"{name}: an AvgPool2d with ceil_mode, divisor_override or without "
                "count_include_pad; expected every window to have one size"
            )
        return nir.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
    if isinstance(layer, nn.LPPool2d):
        if layer.norm_type != 1 or layer.ceil_mode:
            raise UltralifError(f"{name}: an LPPool2d other than a sum; expected norm_type=1")
        return nir.SumPool2d(layer.kernel_size, layer.stride or layer.kernel_size, 0)
    assert isinstance(layer, nn.Flatten)
    if layer.start_dim == 0:
        raise UltralifError(f"{name}: flattens the batch; expected start_dim of at least 1")
    start, end = (d - 1 if d > 0 else d for d in (layer.start_dim, layer.end_dim))
    return nir.Flatten(None, start, end)


def window_sums(layer: nn.AvgPool1d | nn.MaxPool1d, channels: int, factor: float) -> nir.NIRNode:
    """The sums of the windows of a pool over one dimension, times a factor.

    Args:
        layer: the pool.
        channels: channels of its input.
        factor: factor of every sum.
    """
    kernel, stride, padding = map(_single, (layer.kernel_size, layer.stride, layer.padding))
    weight = np.full((channels, 1, kernel), factor)
    return nir.Conv1d(None, weight, stride, padding, 1, channels, np.zeros(channels))


def _single(value: Any) -> Any:
    """The only number of a tuple of one; other values as they are."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def function_node(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> nir.NIRNode:
    """The NIR node of a call of one of the functions in `FUNCTIONS`.

    Args:
        name: a key of `FUNCTIONS`.
        args: the arguments by position; the first is the signal.
        kwargs: the arguments by name; `input`, if it is there, is the signal.
    """
    return FUNCTIONS[name](*args[1:], **{k: v for k, v in kwargs.items() if k != "input"})


def _affine(weight: Tensor, bias: Tensor | None = None) -> nir.NIRNode:
    if bias is None:
        return nir.Linear(numbers(weight))
    return nir.Affine(numbers(weight), numbers(bias))


def _convolution(
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> nir.NIRNode:
    added = np.zeros(len(weight)) if bias is None else numbers(bias)
    return nir.Conv2d(None, numbers(weight), stride, padding, dilation, groups, added)


def _pool(*args: Any, **kwargs: Any) -> nir.NIRNode:
    return layer_node("avg_pool2d()", nn.AvgPool2d(*args, **kwargs))


def _product(other: Tensor) -> nir.NIRNode:
    return nir.Linear(numbers(other).T)


FUNCTIONS: dict[str, Callable[..., nir.NIRNode]] = {
    "linear": _affine,
    "conv2d": _convolution,
    "avg_pool2d": _pool,
    "matmul": _product,
    "__matmul__": _product,
    "mm": _product,
}
"""Functions that do the work of a layer, by name, with what makes their node."""
