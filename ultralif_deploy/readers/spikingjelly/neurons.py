"""Neuron nodes of SpikingJelly as float64 neuron models.

Source: SpikingJelly 2.0.0, `activation_based/neuron/{integrate_and_fire,lif,plif}.py`.
"""

from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based import layer as layers
from spikingjelly.activation_based import neuron as nodes
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import LIF
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.framework import Framework, Whole
from ultralif_deploy.readers.nir.linear import Signal, scaled

NODES = (nodes.IFNode, nodes.LIFNode, nodes.ParametricLIFNode)

CONTAINERS = (layers.MultiStepContainer, layers.SeqToANNContainer, layers.StepModeContainer)
"""Sequences of layers that each take one timestep."""

LAYERS: dict[type[nn.Module], type[nn.Module]] = {
    layers.Linear: nn.Linear,
    layers.Conv2d: nn.Conv2d,
    layers.BatchNorm1d: nn.BatchNorm1d,
    layers.BatchNorm2d: nn.BatchNorm2d,
    layers.AvgPool2d: nn.AvgPool2d,
    layers.MaxPool2d: nn.MaxPool2d,
    layers.Flatten: nn.Flatten,
    layers.Dropout: nn.Dropout,
    layers.Dropout2d: nn.Dropout2d,
}


def _population(name: str, node: Any, signal: Signal) -> Arriving:
    """A node as a population; its membrane is counted from its reset value.

    With u = v − v_reset, a LIFNode computes u ← (1 − 1/τ)·u + X/τ, or + X without `decay_input`,
    and a spike sets u to 0. Without a reset value, a spike takes the threshold away.

    Args:
        name: name of the layer.
        node: an instance of one of `NODES`.
        signal: the node's input.
    """
    size = signal.bias.size
    leak = _leak(node)
    gain = leak if leak and node.decay_input else 1.0
    hard = node.v_reset is not None
    threshold = per_neuron(node.v_threshold - (node.v_reset or 0.0), size, f"{name}: v_threshold")
    reset = np.zeros(size) if hard else threshold
    keep = per_neuron(1.0 - leak, size, f"{name}: tau")
    mode = "value" if hard else "subtract"
    model = LIF(threshold, keep, True, per_neuron(reset, size, f"{name}: v_reset"), mode)
    driven = scaled(name, signal, np.full(size, gain))
    return Arriving(model, driven.terms, driven.bias)


def _leak(node: Any) -> float:
    """1/τ; 0 for a node without a leak."""
    if isinstance(node, nodes.ParametricLIFNode):
        return float(node.w.detach().double().sigmoid())
    return 1.0 / node.tau if isinstance(node, nodes.LIFNode) else 0.0


def _prepare(name: str, node: Any) -> None:
    """Reset a node's membrane.

    Args:
        name: name of the layer, for the error message.
        node: node in a copy of the module.

    Raises:
        UltralifError: it does not fire exactly where v ≥ θ.
    """
    node.backend = "torch"  # the others compute the same, on devices that may not be here
    probe = torch.linspace(-1, 1, 201)
    if not torch.equal(node.surrogate_function(probe), (probe >= 0).float()):
        raise UltralifError(
            f"{name}: its surrogate_function does not fire exactly where v ≥ θ; expected one of "
            "SpikingJelly's, with spiking=True"
        )
    node.reset()


def _memory(node: Any, outputs: tuple[Any, ...]) -> list[tuple[Any, bool]]:
    """The membrane, which a node keeps."""
    del outputs
    return [(node.v, True)]


def _in_steps(own: nn.Module) -> None:
    """Let all layers take one timestep, also those in containers that take all of them."""
    one: Any
    for one in own.modules():
        if type(one) in CONTAINERS:
            one.__class__ = nn.Sequential
        elif getattr(one, "step_mode", "s") != "s":
            one.step_mode = "s"


def _whole(own: nn.Module) -> Whole | None:
    """The module on [time, batch, …], where layers or containers take it so."""
    if any(type(m) in CONTAINERS or getattr(m, "step_mode", "s") != "s" for m in own.modules()):
        return Whole(own, _steps)
    return None


def _steps(values: Tensor, timesteps: int) -> Tensor:
    """Values [time, batch, …]; in a SeqToANNContainer, both axes are one.

    Args:
        values: what a layer returned.
        timesteps: number of timesteps.
    """
    return values if len(values) == timesteps else values.unflatten(0, (timesteps, -1))


SPIKINGJELLY = Framework(
    "spikingjelly",
    "Linear, Conv1d/2d, BatchNorm1d/2d, AvgPool1d/2d, MaxPool1d/2d, Flatten, IFNode, LIFNode, "
    "ParametricLIFNode",
    lambda layer: type(layer) in NODES,  # a subclass may compute something else
    _population,
    _prepare,
    _memory,
    keeps_states=True,
    layers=LAYERS,
    in_steps=_in_steps,
    whole=_whole,
)
"""Neurons of SpikingJelly."""
