"""Neuron layers of snnTorch as float64 neuron models; `resets.RESETS` defines the resets.

Source: snnTorch 1.0, `_neurons/{leaky,synaptic,rleaky,rsynaptic}.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import snntorch
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.neurons import LIF, CubaLIF, FloatNeuron
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.framework import Framework
from ultralif_deploy.readers.modules.layers import layer_node, spread_over
from ultralif_deploy.readers.nir.linear import Signal, added, scaled, source_signal, transformed

SYNAPTIC = (snntorch.Synaptic, snntorch.RSynaptic)
RECURRENT = (snntorch.RLeaky, snntorch.RSynaptic)
NEURONS = (snntorch.Leaky, snntorch.Synaptic, snntorch.RLeaky, snntorch.RSynaptic)


def _population(name: str, layer: Any, signal: Signal) -> Arriving:
    """A layer of neurons as a population, with its inputs and its recurrent spikes.

    Args:
        name: name of the layer, for the error message.
        layer: an instance of one of `NEURONS`.
        signal: the layer's input, without its own spikes.

    Raises:
        UltralifError: the layer has an option that no neuron model has; the message names it.
    """
    for option, plain in (("inhibition", False), ("state_quant", False)):
        if getattr(layer, option):
            raise UltralifError(f"{name}: {option} is on; expected {option}={plain}")
    if not torch.all(torch.isfinite(layer.graded_spikes_factor / layer.graded_spikes_factor)):
        raise UltralifError(
            f"{name}: graded_spikes_factor is 0 or not finite; expected other values, or leave the "
            "neurons out that send 0"
        )
    threshold = spread_over(layer.threshold, signal, f"{name}: threshold")
    keep = np.clip(spread_over(layer.beta, signal, f"{name}: beta"), 0.0, 1.0)
    mode = _reset_mode(name, layer, threshold)
    reset = threshold if mode.endswith("subtract") else np.zeros_like(threshold)
    model: FloatNeuron = LIF(threshold, keep, False, reset, mode)
    if isinstance(layer, SYNAPTIC):
        synaptic = np.clip(spread_over(layer.alpha, signal, f"{name}: alpha"), 0.0, 1.0)
        model = CubaLIF(threshold, keep, synaptic, False, reset, mode)
    if isinstance(layer, RECURRENT):
        signal = added(name, [signal, _back(name, layer, signal.shape)])
    return Arriving(model, signal.terms, signal.bias)


def _back(name: str, layer: Any, shape: tuple[int, ...]) -> Signal:
    """The signal that a recurrent population sends itself, which acts one timestep later."""
    own = source_signal(name, shape)
    own = scaled(
        name, own, spread_over(layer.graded_spikes_factor, own, f"{name}: graded_spikes_factor")
    )
    if layer.all_to_all:
        return transformed(name, layer_node(name, layer.recurrent), own, 1.0)
    return scaled(name, own, spread_over(layer.recurrent.V, own, f"{name}: V"))


def _spike_of(layer: Any) -> Tensor | float:
    """What a layer returns for one spike; pools return spikes of their inputs."""
    factor: Tensor | float = getattr(layer, "graded_spikes_factor", 1.0)
    return factor


def _prepare(name: str, layer: Any) -> None:
    """Let a layer fire float64 spikes, and reset its states to 0.

    Args:
        name: name of the layer, for the error message.
        layer: layer in a copy of the module.

    Raises:
        UltralifError: it does not fire exactly where v > θ.
    """
    if not _fires_above(layer):
        raise UltralifError(
            f"{name}: its spike_grad does not fire exactly where v > θ; expected one of "
            "snnTorch's surrogates of the step function"
        )
    layer.spike_grad = _step
    layer.reset_mem()


def _fires_above(layer: Any) -> bool:
    """Whether a layer fires exactly where the step function does, v > θ."""
    probe = torch.linspace(-1, 1, 201)
    return torch.equal(layer.spike_grad(probe).double(), _step(probe))


def _step(v: Tensor) -> Tensor:
    """The step function, float64."""
    return (v > 0).double()


def _memory(layer: Any, outputs: tuple[Any, ...]) -> list[tuple[Any, bool]]:
    """The states that a layer keeps; it may return them too."""
    del outputs
    return [(getattr(layer, name, None), name == "mem") for name in ("syn", "mem")]


@contextmanager
def _alone(own: nn.Module) -> Iterator[None]:
    """Make `snntorch.utils.reset` find only the neurons of the copy, and not the caller's."""
    everyone = snntorch.SpikingNeuron.instances
    snntorch.SpikingNeuron.instances = [m for m in own.modules() if isinstance(m, NEURONS)]
    try:
        yield
    finally:
        snntorch.SpikingNeuron.instances = everyone


def _reset_mode(name: str, layer: Any, threshold: np.ndarray) -> str:
    """The key of `RESETS` for a layer's `reset_mechanism` and `reset_delay`."""
    mechanism, late = layer.reset_mechanism, getattr(layer, "reset_delay", True)
    if mechanism == "none":
        return "none"
    if mechanism == "subtract":
        return "late-subtract" if late else "immediate-subtract"
    if threshold.min() < 0 and not late:
        raise UltralifError(
            f"{name}: a threshold below 0 with reset_delay=False; expected at least 0, or "
            "reset_delay=True"
        )
    # Leaky sets its membrane to 0 before it adds the next current, which equals an immediate reset.
    # The other neurons set it to 0 after that, and lose this current.
    return "late-value" if late and not isinstance(layer, snntorch.Leaky) else "value"


SNNTORCH = Framework(
    "snntorch",
    "Linear, Conv1d/2d, BatchNorm1d/2d, AvgPool1d/2d, MaxPool1d/2d, Flatten, Leaky, Synaptic, "
    "RLeaky, RSynaptic",
    lambda layer: isinstance(layer, NEURONS),
    _population,
    _prepare,
    _memory,
    keeps_states=True,
    alone=_alone,
    spike_of=_spike_of,
)
"""Neurons of snnTorch."""
