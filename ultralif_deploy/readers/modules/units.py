"""Layers of torch beside linear ones: BatchNorm as a factor and a bias, max pooling of spikes."""

from dataclasses import replace
from typing import Any

import nir
import numpy as np
from torch import nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import LIF, CubaLIF, Threshold
from ultralif_deploy.readers.assembly import BELOW_A_SPIKE, Arriving
from ultralif_deploy.readers.modules.layers import numbers, window_sums
from ultralif_deploy.readers.nir.linear import Signal, scaled, transformed

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
"""Layers for which `normed` makes a signal."""


def normed(name: str, layer: Any, signal: Signal) -> Signal:
    """A signal after a BatchNorm in evaluation: a factor and a bias for each channel.

    Args:
        name: name of the layer, for the error message.
        layer: one of `NORMS`.
        signal: its input.

    Raises:
        UltralifError: it takes mean and variance of the batch.
    """
    if layer.running_mean is None:
        raise UltralifError(
            f"{name}: a {type(layer).__name__} with track_running_stats=False takes mean and "
            "variance of the batch; expected stored ones"
        )
    factor = 1 / np.sqrt(numbers(layer.running_var) + layer.eps)
    if layer.affine:
        factor = factor * numbers(layer.weight)
    bias = -factor * numbers(layer.running_mean)
    if layer.affine:
        bias = bias + numbers(layer.bias)
    each = int(np.prod(signal.shape[1:]))
    total = scaled(name, signal, np.repeat(factor, each))
    return replace(total, bias=total.bias + np.repeat(bias, each))


def never_firing(keep: np.ndarray, synaptic: np.ndarray | None = None) -> LIF | CubaLIF:
    """Neurons whose membrane is read and never reset.

    Args:
        keep: fraction of the membrane that a timestep keeps, float64 [neuron].
        synaptic: the same of the synaptic current; None without a synapse.
    """
    never = np.full(len(keep), np.inf), np.zeros(len(keep))
    if synaptic is None:
        return LIF(never[0], keep, False, never[1], "none")
    return CubaLIF(never[0], keep, synaptic, False, never[1], "none")


def pooled(name: str, layer: Any, signal: Signal) -> Arriving:
    """The maximum of spikes, as units that fire where any of their inputs does.

    Args:
        name: name of the layer, for the error message.
        layer: a MaxPool1d or MaxPool2d.
        signal: spikes of one source, unchanged.

    Raises:
        UltralifError: the layer has an option that cannot be taken over.
    """
    plain = np.all(np.equal(layer.dilation, 1)) and not layer.ceil_mode
    if not plain or layer.return_indices:
        raise UltralifError(
            f"{name}: a {type(layer).__name__} with dilation, ceil_mode or return_indices; "
            "expected none of them"
        )
    if isinstance(layer, nn.MaxPool1d):
        node = window_sums(layer, signal.shape[0], 1.0)
    else:
        node = nir.SumPool2d(layer.kernel_size, layer.stride, layer.padding)
    total = transformed(name, node, signal, 1.0)
    size = total.bias.size
    unit = Threshold(per_neuron(BELOW_A_SPIKE, size, name), inclusive=False)
    return Arriving(unit, total.terms, total.bias)
