"""Neuron cells of Norse as float64 neuron models.

Source: Norse 1.1.0, `torch/functional/{lif,lif_box,reset,threshold}.py`.
"""

import functools
from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import torch
from norse.torch import LI, LIF, LICell, LIFBoxCell, LIFCell, LIFRecurrentCell, Lift
from norse.torch.functional.reset import reset_subtract, reset_value
from norse.torch.functional.threshold import threshold
from torch import nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import LIF as LIFModel
from ultralif_deploy.network.neurons import CubaLIF, FloatNeuron
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.framework import Framework, Whole
from ultralif_deploy.readers.modules.layers import numbers, spread_over
from ultralif_deploy.readers.modules.units import never_firing
from ultralif_deploy.readers.nir.linear import Signal, added, scaled, source_signal, transformed

OVER_TIME = (LIF, LI)
"""Layers that take all timesteps at once."""

SILENT = (LICell, LI)
"""Read-outs, which return their membrane."""

CELLS = (LIFCell, LIFBoxCell, LIFRecurrentCell, LICell, *OVER_TIME)


def _population(name: str, cell: Any, signal: Signal) -> Arriving:
    """A cell as a population; its membrane is counted from v_leak.

    With u = v − v_leak and k = dt/τ_mem, a LIFBoxCell computes u ← (1 − k)·u + k·I. In a LIFCell,
    i ← (1 − dt/τ_syn)·i + I takes the place of I.

    Args:
        name: name of the layer.
        cell: an instance of one of `CELLS`.
        signal: the cell's input.

    Raises:
        UltralifError: a parameter does not fit the neurons.
    """

    def parameter(option: str) -> np.ndarray:
        value = torch.as_tensor(getattr(cell.p, option))
        return spread_over(value, signal, f"{name}: {option}")

    if isinstance(cell, LIFRecurrentCell):
        signal = _with_own_weights(name, cell, signal)
    size, leak = signal.bias.size, parameter("v_leak")
    if isinstance(cell, SILENT):
        return _read_out(name, cell, signal, parameter)
    gain = cell.dt * parameter("tau_mem_inv")
    subtracts = getattr(cell.p, "reset_method", reset_value) is reset_subtract
    reset = parameter("v_th") if subtracts else parameter("v_reset") - leak
    mode = "subtract" if subtracts else "value"
    fires_at = per_neuron(parameter("v_th") - leak, size, f"{name}: v_th")
    keep = per_neuron(1 - gain, size, f"{name}: tau_mem_inv")
    reset = per_neuron(reset, size, f"{name}: v_reset")
    model: FloatNeuron = LIFModel(fires_at, keep, False, reset, mode)
    if not isinstance(cell, LIFBoxCell):
        synaptic = 1 - cell.dt * parameter("tau_syn_inv")
        synaptic = per_neuron(synaptic, size, f"{name}: tau_syn_inv")
        model = CubaLIF(fires_at, keep, synaptic, False, reset, mode)
    driven = scaled(name, signal, gain)
    return Arriving(model, driven.terms, driven.bias)


def _read_out(
    name: str, cell: Any, signal: Signal, parameter: Callable[[str], np.ndarray]
) -> Arriving:
    """A leaky integrator, whose membrane is read.

    Args:
        name: name of the layer.
        cell: an instance of one of `SILENT`.
        signal: the cell's input.
        parameter: the values of one of its parameters, [neuron].

    Raises:
        UltralifError: its membrane rests at another value than 0.
    """
    if np.any(parameter("v_leak") != 0):
        raise UltralifError(f"{name}: v_leak of a read-out is not 0; expected 0")
    gain = cell.dt * parameter("tau_mem_inv")
    model = never_firing(1 - gain, 1 - cell.dt * parameter("tau_syn_inv"))
    driven = scaled(name, signal, gain)
    return Arriving(model, driven.terms, driven.bias)


def _with_own_weights(name: str, cell: Any, signal: Signal) -> Signal:
    """The current of a recurrent cell, which weights its input and its own spikes."""
    size = len(cell.input_weights)
    inputs, own = (
        nir.Linear(numbers(cell.input_weights)),
        nir.Linear(numbers(cell.recurrent_weights)),
    )
    given = transformed(name, inputs, signal, 1.0)
    return added(name, [given, transformed(name, own, source_signal(name, (size,)), 1.0)])


def _prepare(name: str, cell: Any) -> None:
    """Let a cell compute with parameters in float64; it keeps no state.

    Args:
        name: name of the layer, for the error message.
        cell: cell in a copy of the module.

    Raises:
        UltralifError: it does not fire exactly where v > θ, or resets in a way of its own.
    """
    for weights in ("input_weights", "recurrent_weights"):
        if isinstance(getattr(cell, weights, None), torch.Tensor):
            getattr(cell, weights).data = getattr(cell, weights).data.double()
    if not isinstance(cell, SILENT) and not _fires_above(cell):
        raise UltralifError(
            f"{name}: method {cell.p.method!r} does not fire exactly where v > θ in every run; "
            "expected another, as 'super'"
        )
    if getattr(cell.p, "reset_method", reset_value) not in (reset_value, reset_subtract):
        raise UltralifError(f"{name}: another reset_method than reset_value or reset_subtract")
    given = cell.p._asdict()
    doubled = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in given.items()}
    cell.p = type(cell.p)(**doubled)


def _fires_above(cell: Any) -> bool:
    """Whether a cell fires exactly where the step function does, v > θ."""
    if cell.p.method == "adjoint":  # it computes the step in another way
        return False
    probe = torch.linspace(-1, 1, 201)
    try:
        fired: torch.Tensor = threshold(probe, cell.p.method, torch.as_tensor(cell.p.alpha))
    except ValueError:  # Norse knows no such method
        return False
    return torch.equal(fired, (probe > 0).float())


def _memory(cell: Any, outputs: tuple[Any, ...]) -> list[tuple[Any, bool]]:
    """The membrane, and a LIFCell's synaptic current, which a cell returns."""
    states = outputs[2:] if isinstance(cell, LIFRecurrentCell) else outputs[1:]  # its spikes first
    return [(state, place == 0) for place, state in enumerate(states)]


def _in_steps(own: nn.Module) -> None:
    """Let layers that loop over time take one timestep."""
    one: Any
    for one in own.modules():
        if type(one) in OVER_TIME:
            one.forward = functools.partial(_next_step, one)
        elif type(one) is Lift and not one.is_stateful:
            one.forward = one.lifted_module.__call__


def _next_step(layer: Any, input_tensor: torch.Tensor, state: Any = None) -> Any:
    """One timestep of a layer that loops over time.

    Args:
        layer: the layer.
        input_tensor: its input [batch, …].
        state: its state; None before the first timestep.
    """
    state = layer.state_fallback(input_tensor[None]) if state is None else state
    return layer.activation(input_tensor, state, layer.p, layer.dt)


def _whole(own: nn.Module) -> Whole | None:
    """The module on [time, batch, …], where layers take it so."""
    if any(type(one) in (*OVER_TIME, Lift) for one in own.modules()):
        return Whole(own, lambda values, timesteps: values)
    return None


NORSE = Framework(
    "norse",
    "Linear, Conv1d/2d, BatchNorm1d/2d, AvgPool1d/2d, MaxPool1d/2d, Flatten, LIFCell, LIFBoxCell, "
    "LIFRecurrentCell, LICell, LIF, LI, Lift",
    lambda layer: type(layer) in CELLS,  # a subclass may compute something else
    _population,
    _prepare,
    _memory,
    keeps_states=False,
    is_silent=lambda layer: type(layer) in SILENT,
    looked_into=(nn.Sequential, Lift),
    in_steps=_in_steps,
    whole=_whole,
)
"""Neurons of Norse."""
