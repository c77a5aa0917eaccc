"""Remove the membrane of a max-plus LIF if it never affects a spike.

Proof. Let v be the membrane potential before a timestep, d the decay, r the reset value, θ the
threshold, and let the neuron fire at v ≥ θ (the strict case is the same with > and ≤).
Claim: v − d < θ before every timestep, so max(v − d, I) ≥ θ exactly when I ≥ θ.
First timestep: v is the initial value, and initial − d < θ is checked. Later: either the neuron
fired, then v = r and r − d < θ is checked; or it did not, then v < θ, and v − d < θ because d ≥ 0
is checked. All three are checked for every neuron; where one fails the membrane stays.
Source: facts on the hard limit of UltraLIF, arXiv 2602.11206.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.network.neurons import FloatNeuron, Threshold, TropicalLIF


def elide_membrane(network: Network) -> Network:
    """Turn each TropicalLIF population whose membrane never matters into Threshold."""
    return replace(network, populations=tuple(map(_elided, network.populations)))


def has_no_memory(neuron: TropicalLIF) -> bool:
    """Whether the three conditions of the proof hold for every neuron."""
    below = np.less if neuron.inclusive else np.less_equal
    return bool(
        np.all(neuron.decay >= 0)
        and np.all(below(neuron.reset - neuron.decay, neuron.threshold))
        and np.all(below(neuron.initial - neuron.decay, neuron.threshold))
    )


def _elided(population: Population) -> Population:
    if type(population.neuron) not in _WITHOUT_MEMORY:
        return population
    return replace(population, neuron=_WITHOUT_MEMORY[type(population.neuron)](population.neuron))


def _threshold(neuron: TropicalLIF) -> FloatNeuron:
    if not has_no_memory(neuron):
        return neuron
    return Threshold(neuron.threshold, neuron.inclusive)


_WITHOUT_MEMORY: dict[type[FloatNeuron], Callable[..., FloatNeuron]] = {TropicalLIF: _threshold}
"""The models that the proof is about."""
