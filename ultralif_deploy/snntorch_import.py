"""snnTorch modules -> Network, with the reset mechanisms that snnTorch's own NIR export loses.

torch and snnTorch are imported nowhere else for this. Source of the dynamics: snnTorch 1.0,
`_neurons/{leaky,synaptic,rleaky}.py`; `resets.RESETS` writes them out.
"""

import math
from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import snntorch
import torch
from torch import nn

from ultralif_deploy import network as hard
from ultralif_deploy.assembly import Arriving, assembled
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.graph import INPUT
from ultralif_deploy.nir_linear import (
    Signal,
    added,
    scaled,
    source_signal,
    transformed,
    values,
)
from ultralif_deploy.nir_neurons import spread

NEURONS = (snntorch.Leaky, snntorch.Synaptic, snntorch.RLeaky)

INERT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
"""Modules that do nothing in evaluation."""

SUPPORTED = "Linear, Conv2d, AvgPool2d, Flatten, Leaky, Synaptic, RLeaky"

READOUT = "readout"


def from_snntorch(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int = 100,
    read: hard.Input | None = None,
) -> hard.Network:
    """The hard network of a chain of snnTorch neurons and linear layers.

    The layers are taken in the order in which the module holds them, those of containers inside
    one after the other; a `forward` that uses them otherwise cannot be seen. The spikes of the last
    neuron are counted; layers behind it are summed over time.

    Args:
        module: an nn.Sequential, or a module whose `forward` uses its layers in their order.
        input_shape: shape of one input; by default what the first layer, a Linear, takes.
        timesteps: T of one inference.
        read: how integer inputs are read, of any size; by default as spikes.

    Raises:
        UltralifError: naming the layer that cannot be taken over, and why.
    """
    layers = list(_layers(module, ""))
    if not layers:
        raise UltralifError("the module holds no layers; expected some of " + SUPPORTED)
    if input_shape is None:
        first = layers[0][1]
        if not isinstance(first, nn.Linear):
            raise UltralifError(
                f"{layers[0][0]}: a {type(first).__name__} comes first; give input_shape"
            )
        input_shape = (first.in_features,)
    signal = source_signal(INPUT, values(input_shape, "input"))
    inputs = math.prod(signal.shape)
    arriving: dict[str, Arriving] = {}
    seen: set[int] = set()
    for name, layer in layers:
        if isinstance(layer, INERT):
            continue
        if not isinstance(layer, NEURONS):
            signal = transformed(name, _linear_node(name, layer), signal, 1.0)
            continue
        if id(layer) in seen:
            raise UltralifError(f"{name}: a neuron used twice; expected one for every place")
        seen.add(id(layer))
        arriving[name] = _population(name, layer, signal)
        signal = source_signal(name, signal.shape)
    readout = READOUT
    while readout in arriving:
        readout += "_"
    arriving[readout] = Arriving(hard.Integrator(), signal.terms, signal.bias)
    return assembled(arriving, readout, inputs, timesteps, read or hard.Input(1))


def _layers(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Layers by name, in order; `named_children` would leave repeated ones out."""
    known = (*NEURONS, *INERT, nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.Flatten)
    children = {k: child for k, child in module._modules.items() if child is not None}
    own_forward = type(module).__module__.split(".")[0] in ("torch", "snntorch")
    if isinstance(module, known):
        # A subclass may compute something else.
        if type(module) not in known:
            raise UltralifError(f"{name}: a {type(module).__name__}; expected {SUPPORTED}")
        yield name or "layer", module
    elif children and (not own_forward or isinstance(module, nn.Sequential)):
        for key, child in children.items():
            path = f"{name}.{key}" if name else key
            yield from _layers(child, f"{path}_" if path == INPUT else path)
    elif name:
        raise UltralifError(f"{name}: a {type(module).__name__}; expected {SUPPORTED}")


def _linear_node(name: str, layer: nn.Module) -> nir.NIRNode:
    if isinstance(layer, nn.Linear):
        weight = _numpy(layer.weight)
        return nir.Linear(weight) if layer.bias is None else nir.Affine(weight, _numpy(layer.bias))
    if isinstance(layer, nn.Conv2d):
        if layer.padding_mode != "zeros":
            raise UltralifError(f"{name}: padding mode {layer.padding_mode!r}; expected zeros")
        bias = np.zeros(layer.out_channels) if layer.bias is None else _numpy(layer.bias)
        return nir.Conv2d(
            None,
            _numpy(layer.weight),
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            bias,
        )
    if isinstance(layer, nn.AvgPool2d):
        inside = layer.count_include_pad or not np.any(layer.padding)
        if layer.ceil_mode or layer.divisor_override is not None or not inside:
            raise UltralifError(
                f"{name}: an AvgPool2d with ceil_mode, divisor_override or without "
                "count_include_pad; expected every window to have one size"
            )
        return nir.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
    assert isinstance(layer, nn.Flatten)
    if layer.start_dim == 0:
        raise UltralifError(f"{name}: flattens the batch; expected start_dim of at least 1")
    start, end = (d - 1 if d > 0 else d for d in (layer.start_dim, layer.end_dim))
    return nir.Flatten(None, start, end)


def _population(name: str, layer: Any, signal: Signal) -> Arriving:
    """A neuron with what arrives there, its own spikes among them."""
    for option, plain in (("inhibition", False), ("state_quant", False)):
        if getattr(layer, option):
            raise UltralifError(f"{name}: {option} is on; expected {option}={plain}")
    if float(layer.graded_spikes_factor) != 1.0:
        raise UltralifError(f"{name}: graded_spikes_factor is not 1; expected spikes of 1")
    threshold = _spread(layer.threshold, signal, f"{name}: threshold")
    keep = np.clip(_spread(layer.beta, signal, f"{name}: beta"), 0.0, 1.0)
    mode = _reset_mode(name, layer, threshold)
    reset = threshold if mode.endswith("subtract") else np.zeros_like(threshold)
    model: hard.Neuron
    if isinstance(layer, snntorch.Synaptic):
        synaptic = np.clip(_spread(layer.alpha, signal, f"{name}: alpha"), 0.0, 1.0)
        model = hard.CubaLIF(threshold, keep, synaptic, False, reset, mode)
    else:
        model = hard.LIF(threshold, keep, False, reset, mode)
    if isinstance(layer, snntorch.RLeaky):
        own = source_signal(name, signal.shape)
        if layer.all_to_all:
            back = transformed(name, _linear_node(name, layer.recurrent), own, 1.0)
        else:
            back = scaled(name, own, _spread(layer.recurrent.V, signal, f"{name}: V"))
        signal = added(name, [signal, back])
    return Arriving(model, signal.terms, signal.bias)


def _reset_mode(name: str, layer: Any, threshold: np.ndarray) -> str:
    """The key of `RESETS` for a neuron's reset_mechanism and reset_delay."""
    mechanism, late = layer.reset_mechanism, layer.reset_delay
    if mechanism == "none":
        return "none"
    if mechanism == "subtract":
        return "late-subtract" if late else "immediate-subtract"
    if threshold.min() < 0 and not late:
        raise UltralifError(
            f"{name}: a threshold below 0 with reset_delay=False; expected at least 0, or "
            "reset_delay=True"
        )
    # A Leaky forgets its membrane before the next current comes in, which is a reset at once; the
    # others lose that current with the membrane.
    return "late-value" if late and not isinstance(layer, snntorch.Leaky) else "value"


def _spread(value: torch.Tensor, signal: Signal, what: str) -> np.ndarray:
    return spread(_numpy(value), signal.shape, what)


def _numpy(value: torch.Tensor) -> np.ndarray:
    return value.detach().cpu().double().numpy()
