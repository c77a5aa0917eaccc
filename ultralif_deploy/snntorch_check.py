"""A network read from a module against the module itself: every spike, before anyone trusts it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralif_deploy import network as hard
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.hard import run_hard, run_population

TIMESTEPS, SAMPLES, SEED = 12, 6, 0
"""Of the runs that are compared."""

RATES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Shares of active inputs, one for each sample, so that quiet and busy networks fire."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a module did on random inputs.

    Attributes:
        inputs: uint8 [time, sample, input].
        spikes: of each population, bool [time, sample, neuron].
        layers: the neuron layer of each population.
    """

    inputs: np.ndarray
    spikes: dict[str, np.ndarray]
    layers: dict[str, nn.Module]


def random_inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Binary inputs uint8 [time, sample, …], each sample at a rate of its own."""
    rng = np.random.default_rng(SEED)
    rates = np.array(RATES).reshape(SAMPLES, *(1 for _ in shape))
    return (rng.random((TIMESTEPS, SAMPLES, *shape)) < rates).astype(np.uint8)


def compare(network: hard.Network, run: Run) -> None:
    """Check a network that reads spikes as they are, for as many timesteps as the run has.

    Populations that stayed silent are driven by currents of their own as well.

    Raises:
        UltralifError: naming the first population, timestep, sample and neuron that differ.
    """
    trace = run_hard(network, run.inputs)
    for p in network.populations:
        if p.name not in run.spikes or p.name not in trace.spikes:
            continue
        expected, found = run.spikes[p.name], trace.spikes[p.name]
        if expected.shape != found.shape:
            raise UltralifError(
                f"{p.name}: forward runs it for {len(expected)} of {len(found)} timesteps; "
                "expected once in each"
            )
        _refuse_difference(p.name, expected, found, trace.margins[p.name])
        if not expected.any() and not hasattr(run.layers[p.name], "recurrent"):
            _compare_neuron(p, run.layers[p.name])


def _compare_neuron(population: hard.Population, layer: Any) -> None:
    """The neurons alone, on currents that make them fire."""
    threshold = np.abs(population.neuron.threshold) + 0.1  # type: ignore[union-attr]
    shape = (TIMESTEPS, SAMPLES, population.size)
    current = threshold * np.random.default_rng(SEED).normal(0.5, 1.0, shape)
    layer.reset_mem()
    states: tuple[Any, ...] = ()
    spikes = []
    with torch.no_grad():
        for now in current:
            result = layer(torch.from_numpy(now), *states)
            outputs = result if isinstance(result, tuple) else (result,)
            spikes.append(outputs[0].numpy() > 0)
            states = () if layer.init_hidden else outputs[1:]
    found, margins = run_population(population.neuron, current)
    _refuse_difference(f"{population.name}, driven alone", np.stack(spikes), found, margins)


def _refuse_difference(
    name: str, expected: np.ndarray, found: np.ndarray, margins: np.ndarray
) -> None:
    differ = expected != found
    if differ.any():
        t, sample, neuron = (int(i) for i in np.argwhere(differ)[0])
        raise UltralifError(
            f"{name}: neuron {neuron} {'fires' if expected[t, sample, neuron] else 'is silent'} in "
            f"the module at timestep {t} of sample {sample}, and not in the network as read, whose "
            f"membrane potential is {margins[t, sample, neuron]:+.6g} from the threshold; what "
            "forward does is not what was recorded, so the module cannot be taken over"
        )
