"""Neuron cells of Norse as float64 neuron models.

Source: Norse 1.1.0, `torch/functional/{lif,lif_box,reset,threshold}.py`.
"""

from typing import Any

import numpy as np
import torch
from norse.torch import LIFBoxCell, LIFCell
from norse.torch.functional.reset import reset_subtract, reset_value
from norse.torch.functional.threshold import threshold

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import LIF, CubaLIF, FloatNeuron
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.framework import Framework
from ultralif_deploy.readers.modules.layers import spread_over
from ultralif_deploy.readers.nir.linear import Signal, scaled

CELLS = (LIFCell, LIFBoxCell)


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

    size, leak = signal.bias.size, parameter("v_leak")
    gain = cell.dt * parameter("tau_mem_inv")
    subtracts = getattr(cell.p, "reset_method", reset_value) is reset_subtract
    reset = parameter("v_th") if subtracts else parameter("v_reset") - leak
    mode = "subtract" if subtracts else "value"
    fires_at = per_neuron(parameter("v_th") - leak, size, f"{name}: v_th")
    keep = per_neuron(1 - gain, size, f"{name}: tau_mem_inv")
    reset = per_neuron(reset, size, f"{name}: v_reset")
    model: FloatNeuron = LIF(fires_at, keep, False, reset, mode)
    if isinstance(cell, LIFCell):
        synaptic = 1 - cell.dt * parameter("tau_syn_inv")
        synaptic = per_neuron(synaptic, size, f"{name}: tau_syn_inv")
        model = CubaLIF(fires_at, keep, synaptic, False, reset, mode)
    driven = scaled(name, signal, gain)
    return Arriving(model, driven.terms, driven.bias)


def _prepare(name: str, cell: Any) -> None:
    """Let a cell compute with parameters in float64; it keeps no state.

    Args:
        name: name of the layer, for the error message.
        cell: cell in a copy of the module.

    Raises:
        UltralifError: it does not fire exactly where v > θ, or resets in a way of its own.
    """
    if not _fires_above(cell):
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
    del cell
    return [(state, place == 0) for place, state in enumerate(outputs[1:])]


NORSE = Framework(
    "norse",
    "Linear, Conv2d, BatchNorm1d, BatchNorm2d, AvgPool2d, MaxPool2d, Flatten, LIFCell, LIFBoxCell",
    lambda layer: type(layer) in CELLS,  # a subclass may compute something else
    _population,
    _prepare,
    _memory,
    keeps_states=False,
)
"""Neurons of Norse."""
