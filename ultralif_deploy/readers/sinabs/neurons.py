"""Neuron layers of Sinabs as float64 neuron models.

Source: Sinabs 3.1.3, `layers/{lif,iaf,reshape}.py`, `layers/functional/lif.py` and
`activation/{spike_generation,reset_mechanism}.py`.
"""

import functools
from typing import Any

import numpy as np
import torch
from sinabs import layers
from sinabs.activation import (
    MaxSpike,
    MembraneReset,
    MembraneSubtract,
    MultiSpike,
    SingleSpike,
)
from sinabs.network import Network
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import LIF, CubaLIF, FloatNeuron
from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.framework import Framework, Whole
from ultralif_deploy.readers.modules.layers import layer_node, spread_over
from ultralif_deploy.readers.modules.units import never_firing
from ultralif_deploy.readers.nir.linear import Signal, added, scaled, source_signal, transformed

RECURRENT = (layers.LIFRecurrent, layers.IAFRecurrent)
SILENT = (layers.ExpLeak, layers.ExpLeakSqueeze)
"""Read-outs, which return their membrane."""

SQUEEZED = (layers.LIFSqueeze, layers.IAFSqueeze, layers.ExpLeakSqueeze)
NEURONS = (layers.LIF, layers.IAF, layers.LIFSqueeze, layers.IAFSqueeze, *RECURRENT, *SILENT)

FIRED = "fired_before"
"""Attribute of a recurrent layer in a copy of the module: its spikes of the last timestep."""


def spiking_part(module: nn.Module) -> nn.Module:
    """The module itself, or the spiking model of a `sinabs.network.Network`."""
    if isinstance(module, Network) and module.spiking_model is not None:
        spiking: nn.Module = module.spiking_model
        return spiking
    return module


def _population(name: str, layer: Any, signal: Signal) -> Arriving:
    """A layer of neurons as a population, with its inputs and its recurrent spikes.

    With α = e^(−1/τ), a LIF computes v ← α·v + (1 − α)·I, or + I without `norm_input`. With a
    synapse, s ← α_s·(s + I) takes the place of I. An IAF has α = 1 and takes I as it is.

    Args:
        name: name of the layer.
        layer: an instance of one of `NEURONS`.
        signal: the layer's input, without its own spikes.

    Raises:
        UltralifError: the layer has an option that no neuron model has; the message names it.
    """

    def parameter(value: Any, option: str) -> np.ndarray:
        spread = spread_over(torch.as_tensor(value), signal, f"{name}: {option}")
        return per_neuron(spread, spread.size, f"{name}: {option}")

    size = signal.bias.size
    keep = parameter(layer.alpha_mem_calculated, "tau_mem")
    if isinstance(layer, SILENT):
        if layer.min_v_mem is not None:
            raise UltralifError(f"{name}: min_v_mem of a read-out; expected none")
        driven = scaled(name, signal, _gain(layer, keep))
        return Arriving(never_firing(keep), driven.terms, driven.bias)
    threshold = parameter(layer.spike_threshold, "spike_threshold")
    synaptic = layer.alpha_syn_calculated
    gain = _gain(layer, keep)
    most, mode, reset = _firing(name, layer, threshold)
    floor = None if layer.min_v_mem is None else parameter(layer.min_v_mem, "min_v_mem")
    rest = per_neuron(reset, size, f"{name}: reset_fn"), mode, most, floor
    model: FloatNeuron = LIF(threshold, keep, True, *rest)
    if synaptic is not None:
        decay = parameter(synaptic, "tau_syn")
        gain, model = gain * decay, CubaLIF(threshold, keep, decay, True, *rest)
    if isinstance(layer, RECURRENT):
        signal = added(name, [signal, _back(name, layer.rec_connect, signal.shape)])
    driven = scaled(name, signal, gain)
    return Arriving(model, driven.terms, driven.bias)


def _gain(layer: Any, keep: np.ndarray) -> np.ndarray:
    """Factor of the current, for the fraction of the membrane that a timestep keeps."""
    return 1 - keep if layer.norm_input else np.ones(len(keep))


def _firing(name: str, layer: Any, threshold: np.ndarray) -> tuple[int, str, np.ndarray]:
    """Most spikes in one timestep, the key of `RESETS`, and what a spike takes or leaves."""
    most = _most_spikes(name, layer.spike_fn)
    how = layer.reset_fn
    if type(how) is MembraneSubtract:
        own = how.subtract_value
        if own is not None and most > 1 and np.any(threshold != own):
            raise UltralifError(
                f"{name}: several spikes in one timestep that take {own} each from the membrane; "
                "expected them to take the threshold, or spike_fn=SingleSpike"
            )
        reset, mode = threshold if own is None else np.full_like(threshold, own), "subtract"
    elif type(how) is MembraneReset and how.reset_value == 0 and most == 1:
        reset, mode = np.zeros_like(threshold), "value"
    else:
        raise UltralifError(
            f"{name}: reset_fn {how!r} with {getattr(layer.spike_fn, '__name__', layer.spike_fn)}; "
            "expected MembraneSubtract(), or MembraneReset() to 0 with spike_fn=SingleSpike"
        )
    if most > 1 and np.any(threshold <= 0):
        raise UltralifError(f"{name}: spike_threshold of 0 or less; expected more for MultiSpike")
    return most, mode, reset


def _most_spikes(name: str, spike_fn: Any) -> int:
    if spike_fn is SingleSpike:
        return 1
    if spike_fn is MultiSpike:
        return MAX_SPIKES
    if type(spike_fn) is MaxSpike:
        limit = spike_fn.max_num_spikes_per_bin or MAX_SPIKES
        return int(min(limit, MAX_SPIKES))
    raise UltralifError(
        f"{name}: spike_fn {spike_fn!r}; expected SingleSpike, MultiSpike or MaxSpike"
    )


def _back(name: str, connection: nn.Module, shape: tuple[int, ...]) -> Signal:
    """The signal that a recurrent population sends itself, which acts one timestep later.

    Raises:
        UltralifError: the connection is not one Linear, or has a bias, which Sinabs does not add at
            the first timestep.
    """
    inner = [one for one in connection.modules() if not list(one.children())]
    linear = [one for one in inner if type(one) is nn.Linear]
    shaping = [one for one in inner if isinstance(one, (nn.Flatten, nn.Unflatten, nn.Identity))]
    if len(linear) != 1 or len(linear) + len(shaping) != len(inner):
        raise UltralifError(f"{name}: rec_connect {connection}; expected one Linear")
    if linear[0].bias is not None:
        raise UltralifError(
            f"{name}: rec_connect has a bias, which Sinabs leaves out at the first timestep; "
            "expected bias=False"
        )
    size = int(np.prod(shape))
    own = transformed(name, layer_node(name, linear[0]), source_signal(name, (size,)), 1.0)
    return Signal(shape, own.terms, own.bias)


def _prepare(name: str, layer: Any) -> None:
    """Forget a layer's states, which then start from 0.

    Args:
        name: name of the layer.
        layer: layer in a copy of the module.
    """
    del name
    layer.record_states = False
    if hasattr(layer, FIRED):
        delattr(layer, FIRED)
    for state, _ in list(layer.named_buffers(recurse=False)):
        layer.register_buffer(state, torch.zeros(0))


def _memory(layer: Any, outputs: tuple[Any, ...]) -> list[tuple[Any, bool]]:
    """The states that a layer keeps."""
    del outputs
    return [(layer.v_mem, True), (getattr(layer, "i_syn", None), False)]


def _in_steps(own: nn.Module) -> None:
    """Let Squeeze layers take one timestep of any batch, and recurrent ones go on where they were.

    A call of a recurrent layer starts without spikes of its own, whatever it fired before.
    """
    for layer in own.modules():
        if isinstance(layer, SQUEEZED):
            layer.batch_size, layer.num_timesteps = -1, 1
        if isinstance(layer, RECURRENT):
            layer.forward = functools.partial(_next_step, layer)


def _next_step(layer: Any, input_data: Tensor) -> Tensor:
    """One timestep of a recurrent layer, with what it fired in the one before.

    Args:
        layer: the layer.
        input_data: its input [batch, 1, …].
    """
    fired = getattr(layer, FIRED, None)
    if fired is not None:
        back = layer.rec_connect(fired[:, 0])
        input_data = input_data + back.reshape(input_data.shape)
    spikes: Tensor = type(layer).forward(layer, input_data)
    setattr(layer, FIRED, spikes)
    return spikes


def _time_axis(own: nn.Module) -> bool:
    """Whether layers take an axis of time behind the batch: all neurons but Squeeze do."""
    return any(_is_neuron(one) and not isinstance(one, SQUEEZED) for one in own.modules())


def _whole(own: nn.Module) -> Whole:
    """The module on all timesteps: [batch, time, …], or with both axes as one where they are so."""

    def run(given: Tensor) -> Any:
        batch_first = given.movedim(0, 1)
        for layer in own.modules():
            if isinstance(layer, SQUEEZED):
                layer.batch_size, layer.num_timesteps = given.shape[1], -1
        return own(batch_first if _time_axis(own) else batch_first.flatten(0, 1))

    def steps(values: Tensor, timesteps: int) -> Tensor:
        if values.shape[1:2] != (timesteps,) or not _time_axis(own):
            values = values.unflatten(0, (-1, timesteps))
        return values.movedim(1, 0)

    return Whole(run, steps)


def _is_neuron(layer: nn.Module) -> bool:
    return type(layer) in NEURONS  # a subclass may compute something else


SINABS = Framework(
    "sinabs",
    "Linear, Conv1d/2d, BatchNorm1d/2d, AvgPool1d/2d, SumPool2d, MaxPool1d/2d, Flatten, IAF, LIF, "
    "ExpLeak, their Squeeze and Recurrent forms, Repeat, Merge",
    _is_neuron,
    _population,
    _prepare,
    _memory,
    keeps_states=True,
    layers={layers.SumPool2d: nn.LPPool2d},
    is_silent=lambda layer: isinstance(layer, SILENT),
    looked_into=(nn.Sequential, layers.Repeat, layers.Merge),
    in_steps=_in_steps,
    time_axis=_time_axis,
    whole=_whole,
)
"""Neurons of Sinabs."""
